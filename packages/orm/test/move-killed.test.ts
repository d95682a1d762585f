import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { plainDatabase } from '@omnitenant/tooling';
import { describe, expect, test, vi } from 'vitest';
import type { MoveProcessOptions } from './fixtures/move-process.ts';
import { open, pairs, sql, storage } from './fixtures/moving.ts';

vi.setConfig({ testTimeout: 300_000 });

/** Each kill takes a process, so usually it is every 31st statement, of one pair. OMNITENANT_KILLS=all: each, everywhere. */
const all = process.env.OMNITENANT_KILLS === 'all';
const step = all ? 1 : 31;

describe.each(all ? pairs : pairs.slice(0, 1))(
  'a tenant that is moved from isolation %s to %s by a process that is killed',
  (from, to) => {
    test('has each of its rows once, at one place, when another has gone on or has undone it', async () => {
      await using database = await plainDatabase();
      await using app = await open(database);
      const { url, name } = database;
      let kills = 0;
      for (let at = 1 + Math.floor(Math.random() * step); at < 400; at += step) {
        await app.tenants.create({ id: 'acme', isolation: from });
        for (const row of ['one', 'two']) await app.write('acme', row);
        const killed = await isKilled({
          url,
          name,
          isolation: to,
          at,
          how: kills % 2 ? 'killed before' : 'killed after',
        });
        const others = `application_name = '' and pid <> pg_backend_pid() and state = 'active' and starts_with(datname, '${name}')`;
        await vi.waitFor(
          async () => expect(await sql(url, `select from pg_stat_activity where ${others}`)).toEqual([]),
          30_000,
        );
        const [left] = await sql(url, 'select step from central.omnitenant_move');
        const goesOn = kills % 3;
        if (goesOn === 0) await app.tenants.undoMove('acme');
        else if (goesOn === 1 && left) await app.tenants.move('acme');
        else if (left) await app.tenants.remove('acme');
        const stored = await app.orm.store.find('acme');
        if (stored !== undefined) {
          await app.write('acme', 'zwei');
          expect(await app.authors('acme')).toEqual(['one', 'two', 'zwei']);
          if (left && goesOn === 1) expect(stored.isolation).toBe(to);
          const isOne = stored.isolation === 'row' ? 0 : 1;
          expect((await storage(database)).length).toBe(isOne);
          await app.tenants.remove('acme');
        }
        expect(await storage(database)).toEqual([]);
        if (!killed) break;
        kills += 1;
      }
      expect(kills).toBeGreaterThan(1);
    });
  },
);

/** Moves the tenant in a process of its own, and returns whether that was killed on the way. */
async function isKilled(options: MoveProcessOptions): Promise<boolean> {
  const child = fork(fileURLToPath(new URL('fixtures/move-process.ts', import.meta.url)), {
    execArgv: ['--conditions=@omnitenant/source'],
    env: { ...process.env, OMNITENANT_MOVE: JSON.stringify(options) },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [code, signal] = await once(child, 'exit');
  if (signal !== 'SIGKILL' && code !== 0) throw new Error(`The process has failed at statement ${options.at}.`);
  return signal === 'SIGKILL';
}
