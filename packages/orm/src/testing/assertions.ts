import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { isTenancyError, type Tenancy, type TenancyErrorCode, type Tenant } from '@omnitenant/core';
import type { Orm } from '../orm.ts';
import type { SuiteDialect } from './dialect.ts';
import { Author, Book } from './library.ts';

/** The application under test, with tenants that hold the same primary keys and different rows. */
export interface Library {
  readonly tenancy: Tenancy<Tenant>;
  readonly orm: Pick<Orm, 'em'>;
  readonly dialect: SuiteDialect;
  readonly tenants: readonly string[];
  /** Makes a further tenant, as for a case that changes what it finds. */
  create(id: string): Promise<string>;
}

/** Promises by name, each with what holds an isolation to it. */
export type IsolationCases = Readonly<Record<string, (library: Library) => Promise<void>>>;

/** The first author of the scope's tenant. */
export function firstAuthor(em: Orm['em']): Promise<Author> {
  return em.findOneOrFail(Author, { name: { $like: '%first of%' } });
}

/** The first book of the scope's tenant. */
export function firstBook(em: Orm['em']): Promise<Book> {
  return em.findOneOrFail(Book, { title: { $like: 'a of%' } });
}

/** Awaits a refusal of that code. */
export async function refuses(code: TenancyErrorCode, attempt: () => unknown): Promise<void> {
  await assert.rejects(
    async () => await attempt(),
    (error: unknown) => {
      assert.ok(isTenancyError(error, code), `expected a refusal (${code}), not: ${error}`);
      return true;
    },
  );
}

/** Awaits a refusal of that code, or an error of the database. */
export function failsAs(expected: TenancyErrorCode | RegExp, attempt: () => unknown): Promise<void> {
  return typeof expected === 'string'
    ? refuses(expected, attempt)
    : assert.rejects(async () => await attempt(), expected);
}

/** Asserts that every row, or text, belongs to the tenant, and that there are at least so many. */
export function own(
  tenant: string,
  rows: readonly (string | { readonly name?: string; readonly title?: string })[],
  least = 1,
): void {
  assert.ok(rows.length >= least, `expected ${least} rows of ${tenant}, found ${rows.length}`);
  for (const row of rows) {
    const text = typeof row === 'string' ? row : (row.name ?? row.title);
    assert.match(String(text), new RegExp(`of ${tenant}$`), `a row that is not of ${tenant}`);
  }
}

/** Asserts the same of what is read after the tenant's scope, which may have ended what it needs. */
export async function ownOrEnded(
  { dialect }: Library,
  tenant: string,
  read: () => PromiseLike<Parameters<typeof own>[1]>,
  least?: number,
): Promise<void> {
  try {
    own(tenant, await read(), least);
  } catch (error) {
    if (!dialect.endsWithScope || !isTenancyError(error, 'SCOPE_ENDED')) throw error;
  }
}

/** Lets other scopes run in between. */
export function yieldToOthers(): Promise<void> {
  return turn();
}
