import type { Tenant } from './tenant.ts';

/** Distinguishes a tenant from earlier and later ones with the same id. Names storage, keys and jobs. Safe in paths and keys. */
export function incarnationOf({ id, createdAt }: Pick<Tenant, 'id' | 'createdAt'>): string {
  return `${id}@${createdAt.getTime()}`;
}

/** The id and the time of creation in an incarnation, or `undefined` if the text is not one. */
export function parseIncarnation(text: string): { readonly id: string; readonly createdAtMs: number } | undefined {
  const [, id, createdAtMs] = /^([^@]+)@(\d+)$/.exec(text) ?? [];
  return id === undefined ? undefined : { id, createdAtMs: Number(createdAtMs) };
}

/** Whether two records are of one tenant, and not of one and its successor. A record that was JSON has its date as a text. */
export function isSameIncarnation(
  one: Pick<Tenant, 'id' | 'createdAt'>,
  other: Pick<Tenant, 'id' | 'createdAt'>,
): boolean {
  return one.id === other.id && new Date(one.createdAt).getTime() === new Date(other.createdAt).getTime();
}
