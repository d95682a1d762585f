import { plainDatabase } from '@omnitenant/tooling';
import { describe, expect, test, vi } from 'vitest';
import { isKilled } from './fixtures/killed-process.ts';
import { open, pairs, sql, storage } from './fixtures/moving.ts';

/** Each kill takes a process, so usually it is every 31st statement, of one pair. OMNITENANT_KILLS=all: each, everywhere. */
const all = process.env.OMNITENANT_KILLS === 'all';
const step = all ? 1 : 31;
vi.setConfig({ testTimeout: all ? 3_600_000 : 300_000 });

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
        const killed = await isKilled('move', {
          url,
          name,
          isolation: to,
          at,
          how: kills % 2 ? 'killed before' : 'killed after',
        });
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
