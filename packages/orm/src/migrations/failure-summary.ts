import { isTenancyError, type TenancyError } from '@omnitenant/core';
import { codeOf } from '../sql/error-codes.ts';

const summaries = new WeakMap<TenancyError, string>();

/** Gives a failure what records may keep of it. Its message, for the person who has to fix it, may hold the value of a row. */
export function withSummary(error: TenancyError, summary: string): TenancyError {
  summaries.set(error, summary);
  return error;
}

/** What records may keep of a failure. */
export function summaryOf(error: TenancyError): string {
  return summaries.get(error) ?? error.message;
}

/** Why something failed, without the value of a row. Messages of PostgreSQL name none but in some classes; those of a migration's own may. */
export function recordedReason(cause: unknown, message: string): string {
  if (isTenancyError(cause)) return message;
  const code = codeOf(cause);
  if (/^(?!22|P0)[0-9A-Z]{5}$/.test(code)) return (message.split('\n')[0] ?? '').replace(/\.$/, '');
  if (/^[0-9A-Z]{5}$/.test(code)) return `the database refused it with ${code}`;
  return cause instanceof Error ? cause.name : 'Error';
}
