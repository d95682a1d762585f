import type { MetadataStorage } from '@mikro-orm/core';
import { TenancyError } from '@omnitenant/core';
import { currentScope, incarnationOf } from '@omnitenant/core/extend';
import type { Owner } from './ownership.ts';

/** What belongs to a scope of an application, such as an EntityManager, a driver or a connection. */
export interface Belonging extends Owner {
  /** The metadata that all scopes of the application share. */
  getMetadata(): MetadataStorage;
}

/** What gives an application's owner of the current scope, by the application's metadata. */
const currentOwners = new WeakMap<MetadataStorage, () => Owner | undefined>();

/** Tells `refuseElsewhere` how to find an application's owner of the current scope. */
export function setCurrentOwner(metadata: MetadataStorage, current: () => Owner | undefined): void {
  currentOwners.set(metadata, current);
}

/**
 * Refuses to use in one tenant's scope what belongs to another's. It may be used in its own scope, in central and outside any
 * scope, where nothing that it reads is shown to another tenant.
 *
 * @throws CROSS_TENANT
 */
export function refuseElsewhere(belonging: Belonging): void {
  const scope = currentScope();
  if (belonging.scopeKey === 'central' || scope?.kind !== 'tenant') return;
  const { id } = scope.tenant;
  if (belonging.scopeKey === incarnationOf(scope.tenant)) return;
  // The innermost scope may be another application's, entered in a scope of this one's.
  if (scope.parent && currentOwners.get(belonging.getMetadata())?.()?.scopeKey === belonging.scopeKey) return;
  throw new TenancyError(
    'CROSS_TENANT',
    `An EntityManager, connection or entity of tenant "${belonging.scopeLabel}" was used in the scope of tenant "${id}". ` +
      `Use orm.em there, or enter tenancy.run("${belonging.scopeLabel}", …) for it.`,
    { tenant: id },
  );
}
