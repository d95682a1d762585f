import { AsyncLocalStorage } from 'node:async_hooks';
import { TenancyError } from '../errors/errors.ts';
import { isStorableText } from '../models/storable-text.ts';

/** The actor and the reason of a change. */
export interface Acting {
  /** The operator, user or program, by a name that the application can tell apart. */
  readonly actor: string;
  readonly reason?: string | undefined;
}

/** What an operator says of an entry into a tenant. */
interface ActingInput {
  readonly as?: string | undefined;
  readonly reason?: string | undefined;
}

// It names nobody's data, and so it is no scope: it stays the same where scopes begin and end.
const storage = new AsyncLocalStorage<Acting | undefined>();

/** Who acts in the current context, or `undefined` where nobody has said it. */
export function currentActing(): Acting | undefined {
  return storage.getStore();
}

/** Runs `fn` with `acting` as the one who acts, or with nobody. */
export function actingAs<R>(acting: Acting | undefined, fn: () => R): R {
  return storage.run(acting, fn);
}

/** Who acts once an operator has given a name or a reason. */
export function actingFor({ as, reason }: ActingInput): Acting | undefined {
  const now = currentActing();
  if (as !== undefined) return checkedActing({ actor: as, reason });
  return now === undefined || reason === undefined ? now : checkedActing({ actor: now.actor, reason });
}

/** @throws CONFIG_INVALID if the actor or the reason is not a text that the audit can keep, or the actor is empty. */
export function checkedActing({ actor, reason }: Acting): Acting {
  if (!isStorableText(actor) || actor.trim() === '') {
    throw new TenancyError('CONFIG_INVALID', 'An actor is a name that is not empty, such as "maria@example.com".');
  }
  if (reason !== undefined && !isStorableText(reason)) {
    throw new TenancyError('CONFIG_INVALID', `The reason of actor "${actor}" is not a text without U+0000.`);
  }
  return Object.freeze(reason === undefined ? { actor } : { actor, reason });
}
