import { bindScope } from '@omnitenant/core';
import { warn } from '@omnitenant/core/extend';
import { finalize, isObservable, Observable } from 'rxjs';

/** What ends the scopes of Observables that nobody has subscribed to, for when nobody will. */
export type Unread = Pick<Set<() => void>, 'add' | 'delete'>;

/**
 * Calls Nest's handler of a message in the scope that `run` enters, and keeps the scope open until the Observable that it may have returned has
 * ended, or is not read any more. Rejects if the scope cannot be entered.
 */
export function scopedResult(
  run: (fn: () => Promise<void>) => Promise<unknown>,
  handler: () => unknown,
  unread?: Unread,
): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  let answered = false;
  run(async () => {
    const result = await handler();
    answered = true;
    if (!isObservable(result)) return resolve(result);
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    const inScope = bindScope();
    unread?.add(end);
    resolve(
      new Observable((subscriber) => {
        unread?.delete(end);
        return inScope(() => result.pipe(finalize(end)).subscribe(subscriber));
      }),
    );
    await over;
    // An error after the answer, such as one of closing a resource, can no longer be answered.
  }).catch((error) => (answered ? warn(error) : reject(error)));
  return promise;
}
