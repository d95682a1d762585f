import { STATUS_CODES } from 'node:http';
import { HttpException } from '@nestjs/common';
import type { TenancyError } from '@omnitenant/core';

/** The body of the answer. */
export interface TenancyErrorBody {
  readonly statusCode: number;
  readonly code: string;
  readonly message: string;
  readonly error: string;
}

/** What a caller may see of the error. */
export function bodyOf({ status, code, expose, message }: TenancyError): TenancyErrorBody {
  const error = STATUS_CODES[status] ?? 'Error';
  return { statusCode: status, code, message: expose ? message : error, error };
}

/** A request that enters no tenant, as an exception of Nest's, which filters of the application know how to answer. The cause is the `TenancyError`. */
export class TenancyHttpException extends HttpException {
  declare readonly cause: TenancyError;

  constructor(cause: TenancyError) {
    super(bodyOf(cause), cause.status, { cause });
  }
}
