import { isTenancyError, type Tenant } from '@omnitenant/core';
import { type TestPostgresServer, testPostgresServer } from '@omnitenant/tooling';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Author } from '../src/testing/library.ts';
import { isKilled } from './fixtures/killed-process.ts';
import { withRoles } from './fixtures/move-process.ts';
import { type App, open, pairs, sql, storage } from './fixtures/moving.ts';
import { onlineDatabase } from './fixtures/online-moves.ts';

vi.setConfig({ testTimeout: 3_600_000 });

/** Each kill takes a process, so usually it is every 150th statement, of one pair. OMNITENANT_KILLS=all: each, everywhere. */
const all = process.env.OMNITENANT_KILLS === 'all';
const step = all ? 1 : 150;
const onlinePairs = pairs.filter(([, to]) => to !== 'row');

let server: TestPostgresServer;
beforeAll(async () => {
  server = await testPostgresServer('wal_level=logical');
});
afterAll(() => server.stop());

/** Inserts, updates and deletes until it is stopped, which resolves to the names that are there as far as it was told. */
function startWriting(app: App): { stop(): Promise<string[]> } {
  const names = new Set<string>();
  let isOver = false;
  const change = (act: () => Promise<unknown>) =>
    app.tenancy.run('acme', act).then(
      () => true,
      (error) => {
        if (isTenancyError(error, 'TENANT_MOVING') || isTenancyError(error, 'TENANT_OUTDATED')) return false;
        throw error;
      },
    );
  async function write(n: number): Promise<void> {
    const { em } = app.orm;
    const name = `${n}`;
    if (!(await change(() => em.insert(Author, { name })))) return;
    names.add(name);
    if (n % 3 === 0 && (await change(() => em.nativeDelete(Author, { name })))) names.delete(name);
    if (n % 3 === 1 && (await change(() => em.nativeUpdate(Author, { name }, { name: `${n} again` })))) {
      names.delete(name);
      names.add(`${n} again`);
    }
  }
  async function writeOn(): Promise<string[]> {
    for (let n = 0; !isOver; n += 1) {
      await write(n);
      await sql(server.url, 'select pg_sleep(0.005)');
    }
    return [...names].sort();
  }
  const written = writeOn();
  written.catch(() => {});
  return {
    stop() {
      isOver = true;
      return written;
    },
  };
}

/** What there is of the application on the server, but for the one role that it connects as. */
async function leftovers(database: Awaited<ReturnType<typeof onlineDatabase>>): Promise<unknown[]> {
  const { name, url } = database;
  const others = await sql(
    server.url,
    `select slot_name as name from pg_replication_slots where starts_with(database, '${name}')
     union all select rolname from pg_roles where starts_with(rolname, '${name}') and rolname <> '${name}_owner' and not starts_with(rolname, '${name}_rows')`,
  );
  const publications = await sql(url, 'select pubname as name from pg_publication');
  return [...(await storage(database)), ...[...others, ...publications].map((row) => row['name'])];
}

describe.each(all ? onlinePairs : onlinePairs.slice(0, 1))(
  'a tenant that writes while it is moved from isolation %s to %s by a process that is killed',
  (from, to) => {
    test('has each of its rows once, at one place, when another has gone on or has undone it', async () => {
      const database = await onlineDatabase(server.url);
      await using app = await open(database, withRoles(database.name));
      const { url, name } = database;
      let kills = 0;
      for (let at = 1 + Math.floor(Math.random() * step); at < 999; at += step) {
        await app.tenants.create({ id: 'acme', isolation: from });
        const writing = startWriting(app);
        const how = kills % 2 ? 'killed before' : 'killed after';
        const killed = await isKilled('move', { url, name, isolation: to, online: 'required', roles: true, at, how });
        // Whatever became of the move, the tenant is read where its record says that it is.
        expect(await app.authors('acme')).toEqual(expect.any(Array));
        const [left] = await sql(url, 'select step from central.omnitenant_move');
        const goesOn = kills % 3;
        if (goesOn === 0) await app.tenants.undoMove('acme');
        else if (goesOn === 1 && left) await app.tenants.move('acme');
        else if (left) await app.tenants.move('acme', undefined, { online: 'required' });
        const written = await writing.stop();
        expect(await app.authors('acme')).toEqual(written);
        await app.write('acme', 'afterwards');
        const stored = (await app.orm.store.find('acme')) as Tenant;
        if (left && goesOn > 0) expect(stored.isolation).toBe(to);
        const { schema, role, database: own } = stored.placement;
        const has = { row: [], schema: [schema, role], database: [own, role] }[stored.isolation];
        expect(await leftovers(database)).toEqual(has);
        await app.tenants.remove('acme');
        expect(await leftovers(database)).toEqual([]);
        if (!killed) break;
        kills += 1;
      }
      expect(kills).toBeGreaterThan(1);
    });
  },
);
