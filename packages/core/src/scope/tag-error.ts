import { isTenancyError } from '../errors/errors.ts';
import type { Scope } from './context.ts';

/** The scope whose tenant an error was tagged with. */
const tagged = new WeakMap<object, Scope>();

/**
 * Gives an error that leaves a tenant's scope the tenant's id as `error.tenant`, unless it has one. The property is not enumerable, so
 * that a copy, a comparison or a log of the error stays what it was. An error that an application throws again and again gets the tenant that it
 * was thrown in last.
 */
export function tagOnExit(error: unknown, scope: Scope): void {
  if (scope.kind !== 'tenant' || !(error instanceof Error)) return;
  const before = tagged.get(error);
  if (before === undefined ? 'tenant' in error : isWithin(before, scope)) return;
  if (define(error, scope.tenant.id)) tagged.set(error, scope);
}

/** Gives an error the tenant that it concerns, unless it has one. */
export function tagError(error: unknown, tenant: string): void {
  if (!(error instanceof Error)) return;
  // A copy of a tagged error, as MikroORM makes one, may show the property.
  const isCopied = 'tenant' in error && error.tenant === tenant && !isTenancyError(error);
  if (isCopied || !('tenant' in error)) define(error, tenant);
}

/** Returns false if the error cannot be changed. */
function define(error: Error, tenant: string): boolean {
  try {
    return Reflect.defineProperty(error, 'tenant', { value: tenant, configurable: true, writable: true });
  } catch {
    // A proxy may refuse by throwing.
    return false;
  }
}

/** Whether a scope was entered in another, which is entered still. */
function isWithin(scope: Scope, outer: Scope): boolean {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) if (at === outer) return true;
  return false;
}
