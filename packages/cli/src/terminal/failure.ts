import { inspect } from 'node:util';
import { isTenancyError, redact, type TenancyErrorCode } from '@omnitenant/core';
import { note, paint, plain } from './output.ts';

/** What the process ends with. */
export const exitCodes = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** The command was called wrongly: one sentence on how to call it. */
export class UsageError extends Error {}

/** The user thought better of it at a prompt. */
export class Cancelled extends Error {}

/** Says what went wrong and what to do, in a few lines and without credentials, and gives the exit code. */
export function report(error: unknown, { verbose = false }: { readonly verbose?: boolean | undefined } = {}): number {
  if (error instanceof Cancelled) {
    note('Cancelled; nothing was done.');
    return exitCodes.interrupted;
  }
  const mark = isTenancyError(error) ? 'error' : 'error:';
  note(`${paint('red', mark, process.stderr)} ${sentenceOf(error)}`);
  for (const cause of causesOf(error)) note(`  because: ${cause}`);
  const hint = hintFor(error);
  if (hint !== undefined) note(`  ${hint}`);
  if (verbose) note(redact(inspect(error, { depth: 4 })));
  return error instanceof UsageError ? exitCodes.usage : exitCodes.failed;
}

/** The error in one line: its code, its tenant where the message names none, and the message. */
export function sentenceOf(error: unknown): string {
  if (!isTenancyError(error)) return messageOf(error);
  const tenant = error.tenant === undefined || error.message.includes(error.tenant) ? '' : ` (${error.tenant})`;
  return `${error.code}${tenant}: ${messageOf(error)}`;
}

/** What it was caused by, outermost first, each once. */
export function causesOf(error: unknown): string[] {
  // They say it all; what the database said of it says less.
  if (isTenancyError(error, 'TENANT_EXISTS') || isTenancyError(error, 'DOMAIN_TAKEN')) return [];
  const said = [messageOf(error)];
  const causes: string[] = [];
  for (const cause of chainOf(error).slice(1)) {
    const message = messageOf(cause);
    if (said.some((before) => before.includes(message))) continue;
    said.push(message);
    causes.push(message);
  }
  return causes;
}

function chainOf(error: unknown): unknown[] {
  const further = error instanceof AggregateError ? error.errors : [(error as { cause?: unknown } | undefined)?.cause];
  return [error, ...further.filter(Boolean).flatMap(chainOf)].slice(0, 6);
}

function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message || String((error as { code?: unknown }).code) : String(error);
  // A compiler's first line says that something failed, and the second what.
  return plain(redact(message.split('\n').filter(Boolean).slice(0, 2).join(' ')));
}

const hints: Partial<Record<TenancyErrorCode, (tenant: string) => string>> = {
  TENANT_UNKNOWN: () => 'omnitenant list shows the tenants that there are.',
  TENANT_EXISTS: (id) => `omnitenant show ${id} shows it.`,
  TENANT_SUSPENDED: (id) => `omnitenant resume ${id} opens it.`,
  TENANT_MAINTENANCE: (id) => `omnitenant resume ${id} opens it.`,
  TENANT_ARCHIVED: (id) => `omnitenant resume ${id} opens it.`,
  TRANSITION_REFUSED: (id) => `omnitenant show ${id} shows what it is.`,
};

function hintFor(error: unknown): string | undefined {
  if (chainOf(error).some(lacksCentral)) return 'Central has no tables yet: omnitenant migrate --central';
  return isTenancyError(error) ? hints[error.code]?.(error.tenant ?? 'ID') : undefined;
}

/** Whether PostgreSQL knows no such table, or no such schema, and it is one of central. */
function lacksCentral(error: unknown): boolean {
  const { code = '', message = '' } = (error ?? {}) as { code?: string; message?: string };
  return ['42P01', '3F000'].includes(code) && /"central[."]/.test(message);
}
