import { describe, expect, onTestFinished, test } from 'vitest';
import type { NativeDatabase } from '../src/handles/native.ts';
import { type TenantFile, tenantFile } from '../src/handles/tenant-file.ts';
import { unknownNames } from '../src/handles/unknown-names.ts';
import { initSqliteOrm, nativeClassOf } from '../src/mikro-orm/sqlite-orm.ts';
import { drivers, entities } from './fixtures/tasks.ts';

/** What an application may add to a database of better-sqlite3, as a new build may. */
interface ExtensibleDatabase extends NativeDatabase {
  function(name: string, call: () => unknown): unknown;
  aggregate(name: string, options: { start: number; step: (sum: number, value: unknown) => number }): unknown;
  table(name: string, options: { columns: string[]; rows: () => Generator<object> }): unknown;
}

async function openMemory(driver: keyof typeof drivers): Promise<NativeDatabase> {
  const define = drivers[driver] as typeof drivers.libsql;
  const Native = await nativeClassOf(await initSqliteOrm(define({ entities }), 'none', () => undefined));
  const database = new Native(':memory:', { timeout: 0 });
  onTestFinished(() => void database.close());
  return database;
}

describe('the functions and virtual tables of a library', () => {
  test.each(Object.keys(drivers) as (keyof typeof drivers)[])('are all known, on %s', async (driver) => {
    expect(unknownNames(await openMemory(driver))).toBeUndefined();
  });

  test('that nobody knows are refused by their names, in each way to use them, and in no other statement', async () => {
    const database = (await openMemory('better-sqlite3')) as ExtensibleDatabase;
    database.function('open_file', () => 'secret');
    database.aggregate('sum_files', { start: 0, step: (sum, _value) => sum + 1 });
    database.table('all_files', {
      columns: ['name'],
      *rows() {
        yield { name: 'secret' };
      },
    });
    const unknown = unknownNames(database);
    const file: TenantFile = tenantFile({ tenant: 'acme', busyTimeoutMs: 10, unknown, open: () => database });
    await file.execute('create table task (title text)');
    for (const sql of [
      `select open_file()`,
      `select "OPEN_FILE"() from task`,
      'insert into task values (open_file())',
      'select sum_files(1)',
      'select * from all_files',
      'create view stolen as select open_file()',
      'create temp trigger stolen after insert on task begin select open_file(); end',
      'create virtual table stolen using all_files',
    ]) {
      await expect(file.execute(sql), sql).rejects.toMatchObject({ code: 'STATEMENT_REFUSED' });
    }
    await file.execute(`insert into task values ('open_file() and all_files')`);
    expect((await file.execute(`select title from task where title like 'open_file%'`)).rows).toHaveLength(1);
  });
});
