import { isTenancyError } from '@omnitenant/core';
import { isConnectionLost } from '../connections/server-errors.ts';
import { codeOf, sqlState } from '../sql/error-codes.ts';

/** The message of an error, as a sentence. */
export function messageOf(error: unknown): string {
  const { message = String(error) } = error as { readonly message?: string };
  return message.endsWith('.') ? message : `${message}.`;
}

/** Whether an error says that a server or a database is not there, rather than that it is busy or refuses. */
export function isGone(error: unknown): boolean {
  if (!isTenancyError(error, 'SERVER_UNAVAILABLE')) return false;
  return !hasAnswered(error) || codeOf(error.cause) === sqlState.undefinedDatabase;
}

/** Whether an error that a server cannot be used is what that server has answered. */
export function hasAnswered({ cause }: { readonly cause?: unknown }): boolean {
  return (cause as { readonly severity?: string } | undefined)?.severity !== undefined;
}

/** What happened, and what to do, where a server has failed and not what it was asked for. */
export function serverFailure(error: unknown): string | undefined {
  const code = codeOf(error);
  if (code.startsWith(insufficientResources))
    return `PostgreSQL has run out of resources (${code}): ${messageOf(error)} Make room on that server`;
  if (isConnectionLost(error)) return `the connection to a server was lost: ${messageOf(error)} See that it answers`;
  return undefined;
}

/** The class of errors such as a full disk. */
const insufficientResources = '53';
