import type { Tenant } from './tenant.ts';

/** Tells a tenant from an earlier or later one of the same id: names storage, keys and jobs. Safe in paths and keys. */
export function incarnationOf({ id, createdAt }: Pick<Tenant, 'id' | 'createdAt'>): string {
  return `${id}@${createdAt.getTime()}`;
}
