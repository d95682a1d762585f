import { incarnationOf, parseIncarnation, type ResourceScope } from '@omnitenant/core/extend';

/**
 * Identifies the owner of entries: an incarnation of a tenant (`acme@1767225600000`), so that a tenant created under the id of
 * a removed one has none of its entries, or `central`. It holds no line break.
 */
export type Owner = string;

/** The owner of a scope's entries. */
export function ownerOf(scope: ResourceScope): Owner {
  return scope.kind === 'central' ? 'central' : incarnationOf(scope.tenant);
}

/** The id of the owning tenant; `undefined` for central. */
export function tenantIdOf(owner: Owner): string | undefined {
  return parseIncarnation(owner)?.id;
}
