import type { Direction } from '../mikro-orm/migration-compiler.ts';
import { extensionStatement } from '../sql/extensions.ts';
import { statementsOf } from '../sql/lexer.ts';
import type { MigrationSet } from './migration-set.ts';

/**
 * Divides migrations for the tenants that share a database: an extension belongs to the database and not to the tenant whose migration
 * happens to create it first, so what creates one is sent before any of them, and what drops one is not sent.
 */
export async function withoutExtensions(
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

  function divide(sql: readonly string[]): readonly string[] {
    return sql.flatMap((text) => (/\bextension\b/i.test(text) ? statementsOf(text).filter(isOwn) : [text]));
  }

  async function compile(name: string, direction: Direction) {
    const compiled = await set.compile(name, direction);
    if (!compiled.sql) return compiled;
    const sql = kept.get(compiled.sql) ?? divide(compiled.sql);
    kept.set(compiled.sql, sql);
    return { ...compiled, sql };
  }

  // What is wrong with a migration is told where it is applied.
  for (const name of set.names) await compile(name, 'up').catch(() => {});
  return { set: { ...set, compile }, creating: [...new Set(creating)] };
}
