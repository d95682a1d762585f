import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { plainDatabase } from '@omnitenant/tooling';
import pg from 'pg';
import { describe, expect, test, vi } from 'vitest';
import { Author } from '../src/testing/library.ts';
import { openCutShort } from './fixtures/cut-short.ts';
import { first } from './fixtures/fleet-site.ts';
import { type KilledVerb, migrationsOf, type VerbProcessOptions } from './fixtures/verb-process.ts';

vi.setConfig({ testTimeout: 900_000 });

const module = fileURLToPath(new URL('fixtures/verb-process.ts', import.meta.url));

/** Performs a verb in a process of its own, and returns whether that was killed on the way. */
async function isKilled(options: VerbProcessOptions): Promise<boolean> {
  const child = fork(module, {
    execArgv: ['--conditions=@omnitenant/source'],
    env: { ...process.env, OMNITENANT_VERB: JSON.stringify(options) },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let stderr = '';
  child.stderr?.on('data', (text) => {
    stderr += text;
  });
  const [code, signal] = await once(child, 'exit');
  if (signal !== 'SIGKILL' && code !== 0) throw new Error(`${options.verb}, statement ${options.at}: ${stderr}`);
  return signal === 'SIGKILL';
}

/** Each kill takes a process, so usually it is every fourth statement, from one on that differs. OMNITENANT_KILLS=all: each, everywhere. */
const all = process.env.OMNITENANT_KILLS === 'all';
const isolations = all ? ['schema', 'database', 'row'] : ['schema'];
const step = all ? 1 : 4;

describe.each(isolations)('a tenant of isolation %s', (isolation) => {
  test.each<KilledVerb>(['create', 'remove', 'repair', 'migrate', 'fleet'])(
    'whose process is killed at any statement of %s is finished by another',
    async (verb) => {
      const database = await plainDatabase();
      const { url, name } = database;
      const client = new pg.Client(url);
      await client.connect();
      const before = await openCutShort(url, name, first);
      const after = await openCutShort(url, name, migrationsOf(isolation));
      const { tenants } = after.tenancy;
      await after.tenancy.migrateCentral();
      const statusOf = async () => (await after.orm.store.find('acme'))?.status;
      const leftovers = async () =>
        (
          await client.query(
            `select nspname as name from pg_namespace where nspname like 't\\_%'
             union all select datname from pg_database where starts_with(datname, '${name}_') and not datistemplate
             union all select id from central.tenant`,
          )
        ).rows;

      /** What tenants share outlives them: the next one finds it as it was at first. */
      async function dropSharedTables(): Promise<void> {
        const { rows } = await client.query(
          `select quote_ident(pg_get_userbyid(nspowner)) as owner from pg_namespace where nspname = 'rows'`,
        );
        for (const { owner } of rows)
          await client.query(`begin; set local role ${owner}; drop schema rows cascade; commit`);
      }

      let kills = 0;
      for (let at = 1 + Math.floor(Math.random() * step); at < 400; at += step) {
        const migrates = verb === 'migrate' || verb === 'fleet';
        if (verb !== 'create') await (migrates ? before : after).tenancy.tenants.create({ id: 'acme', isolation });
        if (verb === 'repair') await after.orm.store.update('acme', { status: 'failed' });
        const how = kills % 2 ? 'killed before' : 'killed after';
        const killed = await isKilled({ url, name, verb, isolation, at, how });
        // What it sent last may be under way still.
        const others = `datname = current_database() and application_name = '' and pid <> pg_backend_pid()`;
        await vi.waitFor(async () =>
          expect(
            (await client.query(`select pid from pg_stat_activity where ${others} and state = 'active'`)).rows,
          ).toEqual([]),
        );
        const status = await statusOf();
        if (status === 'provisioning' || status === 'failed') await tenants.repair('acme');
        if (status === undefined && verb !== 'remove') expect(await leftovers()).toEqual([]);
        if (verb === 'remove' && !killed) expect(status).toBeUndefined();
        if (status !== undefined && status !== 'removing') {
          // The next run finds what is left to do, and does it once.
          expect(await after.orm.migrations.up()).toMatchObject({ failed: [], remaining: 0 });
          const found = await after.tenancy.run('acme', async () => ({
            authors: await after.orm.em.count(Author),
            notes: await after.orm.em.execute<object[]>('select id from note'),
          }));
          expect(found).toMatchObject({ authors: 0, notes: isolation === 'row' ? [] : [{ id: 1 }] });
        }
        if (status !== undefined) await tenants.remove('acme');
        expect(await leftovers()).toEqual([]);
        if (isolation === 'row') await dropSharedTables();
        if (!killed) break;
        kills += 1;
      }
      expect(kills).toBeGreaterThan(all ? 8 : 1);
      await Promise.all([before.tenancy.close(), after.tenancy.close()]);
      await client.end();
      await database.drop();
    },
  );
});
