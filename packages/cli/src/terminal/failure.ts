import { inspect } from 'node:util';
import { isTenancyError, type TenancyErrorCode } from '@omnitenant/core';
import { redact } from '@omnitenant/core/extend';
import { paint, plain, warn } from './output.ts';

/** The exit codes of the process. */
export const exitCodes = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** The command was used incorrectly; the message says how to use it. */
export class UsageError extends Error {}

/** The user cancelled at a prompt. */
export class Cancelled extends Error {}

/** An error that says little about where it leaves the tenant. */
class Advised extends Error {
  readonly advice: string;

  constructor(cause: unknown, advice: string) {
    super(messageOf(cause), { cause });
    this.advice = advice;
  }
}

/** Rejects with the error, and with a sentence on where that leaves the tenant, which is printed below it. */
export function adviseWith(advice: string): (error: unknown) => Promise<never> {
  return (error) => Promise.reject(new Advised(error, advice));
}

interface ReportOptions {
  readonly verbose?: boolean | undefined;
  /** What is printed below. Default: what is known of the error's code. */
  readonly advice?: string | undefined;
}

/** Prints the error, its causes and a hint, without credentials; returns the exit code. */
export function report(error: unknown, { verbose = false, advice }: ReportOptions = {}): number {
  if (error instanceof Advised) return report(error.cause, { verbose, advice: error.advice });
  if (error instanceof Cancelled) {
    warn(`Cancelled${advice === undefined ? '; nothing was changed.' : `. ${advice}`}`);
    return exitCodes.interrupted;
  }
  const mark = isTenancyError(error) ? 'error' : 'error:';
  warn(`${paint('red', mark, process.stderr)} ${sentenceOf(error)}`);
  for (const cause of causesOf(error)) warn(`  cause: ${cause}`);
  const hint = advice ?? hintFor(error);
  if (hint !== undefined) warn(`  ${hint}`);
  if (verbose) warn(redact(inspect(error, { depth: 4 })));
  return error instanceof UsageError ? exitCodes.usage : exitCodes.failed;
}

/** The error in one line: its code, its tenant if the message does not name it, and the message. */
export function sentenceOf(error: unknown): string {
  if (!isTenancyError(error)) return messageOf(error);
  const tenant = error.tenant === undefined || error.message.includes(error.tenant) ? '' : ` (${error.tenant})`;
  return `${error.code}${tenant}: ${messageOf(error)}`;
}

/** The messages of the causes, outermost first, without repetitions. */
export function causesOf(error: unknown): string[] {
  // Their message is complete; the database error behind it adds nothing.
  if (isTenancyError(error, 'TENANT_EXISTS') || isTenancyError(error, 'DOMAIN_TAKEN')) return [];
  const said = [messageOf(error)];
  const causes: string[] = [];
  for (const cause of chainOf(error).slice(1)) {
    const message = messageOf(cause) + shortageOf(cause);
    if (said.some((before) => before.includes(message))) continue;
    said.push(message);
    causes.push(message);
  }
  return causes;
}

/** What a server lacks, which PostgreSQL's own messages do not always say. */
const shortages: Readonly<Record<string, string>> = {
  '53100': 'the disk of the server is full',
  '53200': 'the server has no memory left',
};

function shortageOf(error: unknown): string {
  const code = String((error as { code?: unknown }).code);
  return shortages[code] === undefined ? '' : ` (${code}: ${shortages[code]})`;
}

function chainOf(error: unknown): unknown[] {
  const further = error instanceof AggregateError ? error.errors : [(error as { cause?: unknown } | undefined)?.cause];
  return [error, ...further.filter(Boolean).flatMap(chainOf)].slice(0, 6);
}

function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message || String((error as { code?: unknown }).code) : String(error);
  // A compiler's first line says that something failed, the second line says what.
  return plain(redact(message.split('\n').filter(Boolean).slice(0, 2).join(' ')));
}

const hints: Partial<Record<TenancyErrorCode, (tenant: string) => string>> = {
  TENANT_UNKNOWN: () => 'List the tenants with: omnitenant list',
  TENANT_EXISTS: (id) => `Show it with: omnitenant show ${id}`,
  DOMAIN_TAKEN: () => 'See which tenant has it with: omnitenant show DOMAIN',
  TENANT_SUSPENDED: (id) => `Make it active again with: omnitenant resume ${id}`,
  TENANT_MAINTENANCE: (id) => `Make it active again with: omnitenant resume ${id}`,
  TENANT_ARCHIVED: (id) => `Make it active again with: omnitenant resume ${id}`,
  TRANSITION_REFUSED: (id) => `Show its status with: omnitenant show ${id}`,
};

function hintFor(error: unknown): string | undefined {
  return isTenancyError(error) ? hints[error.code]?.(error.tenant ?? 'ID') : undefined;
}
