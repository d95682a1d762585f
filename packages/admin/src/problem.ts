import { STATUS_CODES } from 'node:http';
import { errorCodes, isTenancyError, type TenancyErrorCode } from '@omnitenant/core';
import type { Problem } from './schemas/problem.ts';

/** The error codes of this API's own, and the statuses that they are answered with. */
export const problemCodes = {
  // Who asks, and from where.
  OPERATOR_UNKNOWN: 401,
  PERMISSION_MISSING: 403,
  ORIGIN_REFUSED: 403,

  // What is asked.
  NOT_FOUND: 404,
  METHOD_UNKNOWN: 405,
  TYPE_UNSUPPORTED: 415,
  INPUT_INVALID: 422,
  NOT_CONFIRMED: 422,

  // Someone else was faster.
  IF_MATCH_REQUIRED: 428,
  KEY_REUSED: 409,

  INTERNAL: 500,
  ARCHIVES_MISSING: 501,
  CLAIMS_MISSING: 501,
} as const;

/** A code of this API, or of omnitenant. */
export type ProblemCode = keyof typeof problemCodes | TenancyErrorCode;

/** An error that is answered as a problem. */
export class ProblemError extends Error {
  readonly code: keyof typeof problemCodes;
  readonly issues: Problem['issues'];
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: keyof typeof problemCodes,
    message: string,
    issues?: Problem['issues'],
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.code = code;
    this.issues = issues;
    this.headers = headers;
  }
}

/** The status that a code is answered with. */
export function statusOf(code: ProblemCode): number {
  return code in problemCodes
    ? problemCodes[code as keyof typeof problemCodes]
    : errorCodes[code as TenancyErrorCode].status;
}

/** An error as a response. Operators read the messages of omnitenant's errors, which hold no credential. Of others, only that there was one. */
export function problemResponse(error: unknown, { isOperator }: { readonly isOperator: boolean }): Response {
  const code = codeOf(error);
  const status = statusOf(code);
  const problem: Problem = {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    code,
    ...((error instanceof ProblemError || (isOperator && code !== 'INTERNAL')) && { detail: (error as Error).message }),
    ...(error instanceof ProblemError && error.issues && { issues: error.issues }),
  };
  const { headers: further } = isTenancyError(error) || error instanceof ProblemError ? error : { headers: {} };
  const headers = { ...further, 'Content-Type': 'application/problem+json' };
  return new Response(JSON.stringify(problem), { status, headers });
}

function codeOf(error: unknown): ProblemCode {
  if (error instanceof ProblemError) return error.code;
  // Another copy of the package may have codes that this one does not know.
  return isTenancyError(error) && error.code in errorCodes ? error.code : 'INTERNAL';
}
