import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { plainDatabase } from '@omnitenant/tooling';
import pg from 'pg';
import { expect, test } from 'vitest';
import { testMark } from '../../src/testing/kit/sweep.ts';
import { openTestTenants } from '../../src/testing/kit/test-tenants.ts';
import { startLibrary } from '../fixtures/kit/library-app.ts';

const script = fileURLToPath(new URL('../fixtures/kit/killed-run.ts', import.meta.url));

type Place = Awaited<ReturnType<typeof plainDatabase>>;

/** A run that has made a tenant. */
async function startRun({ url, name }: Place, isolation: string): Promise<{ id: string; child: ChildProcess }> {
  const env = { ...process.env, KIT_URL: url, KIT_NAME: name, KIT_ISOLATION: isolation };
  const child = spawn(process.execPath, ['--conditions=@omnitenant/source', script], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'exit').then(async () => {
    throw new Error(await text(child.stderr));
  });
  const [said] = (await Promise.race([once(child.stdout, 'data'), ended])) as [Buffer];
  ended.catch(() => {});
  return { id: said.toString().trim(), child };
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'close');
  child.kill('SIGKILL');
  await gone;
}

async function stored({ url, name }: Place): Promise<string[]> {
  const client = new pg.Client(url);
  await client.connect();
  const { rows } = await client.query<{ name: string }>(
    `select nspname as name from pg_namespace where starts_with(nspname, 't_')
     union all select datname from pg_database where starts_with(datname, '${name}_') and not datistemplate`,
  );
  await client.end();
  return rows.map((row) => row.name);
}

test.each(['schema', 'database', 'row'])(
  'what a killed run left of isolation %s is removed at the next start, and nothing else',
  async (isolation) => {
    await using database = await plainDatabase();
    const library = await startLibrary(database);
    await library.tenancy.migrateCentral();
    const killed = await startRun(database, isolation);
    const alive = await startRun(database, isolation);
    await kill(killed.child);

    const { tenants } = library.tenancy;
    const like = (n: number) => killed.id.replace(/\d+$/, String(n));
    // The application's own tenants: one that only looks like a test's, and one that only says so.
    await tenants.create({ id: like(900), isolation: 'schema' });
    await tenants.create({ id: 'acme', isolation: 'schema', config: { [testMark]: true } });
    // Killed while the tenant was made, and while it was removed.
    const dead = await tenants.get(killed.id);
    const { createdAt: _, updatedAt: __, ...draft } = dead;
    const { orm } = library as unknown as { orm: { store: { insert(tenant: object, domains: []): Promise<unknown> } } };
    for (const status of ['provisioning', 'removing'] as const) {
      const id = like(status === 'removing' ? 901 : 902);
      const placement = {
        ...dead.placement,
        ...(isolation === 'schema' && { schema: `t_${id}` }),
        ...(isolation === 'database' && { database: `${database.name}_${id}` }),
      };
      await orm.store.insert({ ...draft, id, status, placement }, []);
    }

    const next = await openTestTenants({ start: () => startLibrary(database) });
    const ids: string[] = [];
    for await (const { id } of tenants.all()) ids.push(id);
    expect(ids.sort()).toEqual(['acme', alive.id, like(900)].sort());
    const places = await stored(database);
    expect(places).not.toContain(`t_${killed.id}`);
    expect(places).not.toContain(`${database.name}_${killed.id}`);
    expect(places).toEqual(expect.arrayContaining(['t_acme', `t_${like(900)}`]));
    await next.close();

    await kill(alive.child);
    const last = await openTestTenants({ start: () => startLibrary(database) });
    await last.close();
    for (const id of ['acme', like(900)]) await tenants.remove(id);
    expect(await stored(database)).toEqual([]);
    await library.tenancy.close();
  },
);
