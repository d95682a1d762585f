import { inspect } from 'node:util';

/** Emits an error that reaches no caller as a process warning. Whatever was thrown: Node's own function refuses what is no Error. */
export function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : inspect(error));
}
