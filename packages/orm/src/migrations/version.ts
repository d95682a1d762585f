import { createHash } from 'node:crypto';

/**
 * What central records of a tenant's migrations: the name of the last one, for people, and a digest of all, so that two
 * tenants with the same version have the same migrations. Central stores an empty text if it does not know.
 */
export function versionOf(applied: readonly string[]): string {
  const last = applied.at(-1);
  return last === undefined ? 'none' : `${last}#${digestOf(applied).slice(0, 8)}`;
}

/** All that is applied where migrations are applied in order: none, the first, the first two, and so on. */
export function prefixesOf(names: readonly string[]): readonly (readonly string[])[] {
  return Array.from({ length: names.length + 1 }, (_, count) => names.slice(0, count));
}

/** The digest of a set of migrations; `digestInLog` computes the same in PostgreSQL. */
export function digestOf(applied: readonly string[]): string {
  return createHash('md5').update(applied.toSorted(byBytes).join('\n')).digest('hex');
}

/** The name of a migration out of a log: one that ran from a file of its own may have been logged with the file's. */
export function loggedName(name: string): string {
  return name.replace(/\.[jt]s$/, '');
}

/** SQL for the digest of the migrations in the log `table`. */
export function digestInLog(table: string): string {
  return `(select md5(coalesce(string_agg(name, e'\\n' order by name collate "C"), '')) from ${table})`;
}

/** The name of the last migration of a version. */
export function lastOf(version: string): string | undefined {
  return /^(.*)#/s.exec(version)?.[1];
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
