import type { Extensions } from '../isolation/extension-schema.ts';
import type { Direction } from '../mikro-orm/migration-compiler.ts';
import type { Database } from '../sql/client.ts';
import { extensionStatement } from '../sql/extensions.ts';
import { statementsOf } from '../sql/lexer.ts';
import { loadOnce } from './load-once.ts';
import type { MigrationSet } from './migration-set.ts';

/**
 * Migrations as they are sent where a database is shared: an extension belongs to the database and not to the tenant whose migration
 * happens to create it first, so what creates one is sent before any of them, and what drops one is not sent. What is returned gives the
 * migrations when a database has the extensions that they need.
 */
export function withoutExtensions(
  load: () => Promise<MigrationSet>,
  { schema, create }: Extensions,
): (database: Database) => Promise<MigrationSet> {
  const divided = loadOnce(async () => divide(await load(), schema));
  return async (database) => {
    const { set, creating } = await divided();
    await create(database, creating);
    return set;
  };
}

async function divide(
  set: MigrationSet,
  schema: string,
): Promise<{ readonly set: MigrationSet; readonly creating: readonly string[] }> {
  const creating: string[] = [];
  const kept = new Map<readonly string[], readonly string[]>();

  function isOwn(statement: string): boolean {
    const extension = extensionStatement(statement);
    if (extension?.create) creating.push(extension.create(schema));
    return extension === undefined;
  }

  function own(sql: readonly string[]): readonly string[] {
    return sql.flatMap((text) => (/\bextension\b/i.test(text) ? statementsOf(text).filter(isOwn) : [text]));
  }

  async function compile(name: string, direction: Direction) {
    const compiled = await set.compile(name, direction);
    if (!compiled.sql) return compiled;
    const sql = kept.get(compiled.sql) ?? own(compiled.sql);
    kept.set(compiled.sql, sql);
    return { ...compiled, sql };
  }

  // What is wrong with a migration is told where it is applied.
  for (const name of set.names) await compile(name, 'up').catch(() => {});
  return { set: { ...set, compile }, creating: [...new Set(creating)] };
}
