import { trace } from '../diagnostics/tenancy-diagnostics.ts';
import { TenancyError } from '../errors/errors.ts';
import type { Tenant } from '../models/tenant.ts';
import { type TenantResource, verbsOf } from '../resource.ts';
import { innermost, type OpenScope, outside, type ScopeOwner, within } from './context.ts';
import { tagOnExit } from './tag-error.ts';

/** Runs `fn` in a new scope (central if there is no tenant), awaits its result, and ends the scope in any case. */
export function enterScope<R>(owner: ScopeOwner, tenant: Tenant | undefined, fn: () => R): Promise<Awaited<R>> {
  const scope = new EnteredScope(owner, tenant) as unknown as OpenScope;
  return within(scope, () =>
    trace(
      'omnitenant:scope',
      () => ({ tenant: tenant?.id }),
      () => live(scope, fn),
    ),
  );
}

async function live<R>(scope: OpenScope, fn: () => R): Promise<Awaited<R>> {
  const { owner } = scope;
  let result: Awaited<R>;
  try {
    owner.activated(scope);
    result = await fn();
  } catch (error) {
    tagOnExit(error, scope);
    for (const late of (await scope.end()) ?? []) owner.report(late, scope);
    owner.deactivated(scope);
    throw error;
  }
  const closing = scope.end();
  const errors = closing === undefined ? [] : await closing;
  owner.deactivated(scope);
  for (const other of errors.slice(1)) owner.report(other, scope);
  if (errors.length > 0) throw errors[0];
  return result;
}

/** A class, because V8 gives each object literal with an accessor its own hidden class, which outlives many scopes. */
class EnteredScope {
  readonly kind: 'tenant' | 'central';
  readonly tenant: Tenant | undefined;
  readonly owner: ScopeOwner;
  readonly parent: OpenScope | undefined;
  #ended = false;
  #handles: Map<TenantResource, unknown> | undefined;
  #closers: (() => void | Promise<void>)[] | undefined;

  constructor(owner: ScopeOwner, tenant: Tenant | undefined) {
    this.kind = tenant === undefined ? 'central' : 'tenant';
    this.tenant = tenant;
    this.owner = owner;
    // Skips ended scopes: a timer that repeatedly enters a scope would otherwise keep a chain of all of them.
    this.parent = innermost((scope) => !scope.ended || scope.owner !== owner);
  }

  get ended(): boolean {
    return this.#ended;
  }

  handle<Handle>(of: TenantResource<Handle>): Handle {
    if (this.#handles?.has(of)) return this.#handles.get(of) as Handle;
    const { owner, tenant } = this;
    const verbs = verbsOf(of);
    if (!owner.resources.has(of)) {
      const message = `This scope's tenancy has no resource "${verbs.name}"; pass it to createTenancy({ resources }).`;
      throw new TenancyError('RESOURCE_UNKNOWN', message, about(tenant));
    }
    if (this.#ended && verbs.close !== undefined) {
      const message = `The scope of ${named(tenant)} has ended, and nothing would close "${verbs.name}"; await the work inside the scope.`;
      throw new TenancyError('SCOPE_ENDED', message, about(tenant));
    }
    const opened = outside(() => verbs.open(this as never));
    this.#handles ??= new Map();
    this.#handles.set(of, opened);
    if (verbs.close !== undefined) this.#atEnd(() => verbs.close?.(opened));
    if (verbs.scopeEnded !== undefined) this.#atEnd(() => verbs.scopeEnded?.(this as never));
    return opened;
  }

  #atEnd(close: () => void | Promise<void>): void {
    this.#closers ??= [];
    this.#closers.push(close);
  }

  end(): undefined | Promise<readonly unknown[]> {
    this.#ended = true;
    return this.#closers === undefined ? undefined : closeAll(this.#closers);
  }
}

async function closeAll(closers: readonly (() => void | Promise<void>)[]): Promise<unknown[]> {
  const errors: unknown[] = [];
  for (const close of closers.toReversed()) {
    try {
      await outside(close);
    } catch (error) {
      errors.push(error);
    }
  }
  return errors;
}

function named(tenant: Tenant | undefined): string {
  return tenant === undefined ? 'central' : `tenant "${tenant.id}"`;
}

function about(tenant: Tenant | undefined): { tenant: string } | undefined {
  return tenant === undefined ? undefined : { tenant: tenant.id };
}
