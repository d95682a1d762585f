import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { plainDatabase } from '@omnitenant/tooling';
import { expect, test, vi } from 'vitest';
import { isKilled } from './fixtures/killed-process.ts';
import { open } from './fixtures/moving.ts';

vi.setConfig({ testTimeout: 900_000 });

/** Each kill takes a process, so usually it is every 31st statement. OMNITENANT_KILLS=all: each, everywhere. */
const all = process.env.OMNITENANT_KILLS === 'all';
const step = all ? 1 : 31;

test.each(all ? ['schema', 'database', 'row'] : ['schema'])(
  'a tenant of isolation %s has what it had, or what is in the archive, after the process that restores it is killed',
  async (isolation) => {
    await using database = await plainDatabase();
    await using app = await open(database);
    const { tenants } = app;
    const folder = mkdtempSync(join(tmpdir(), 'omnitenant-killed-'));
    const [from, to] = [join(folder, 'archive'), join(folder, 'kept')];
    const seen = new Set<string>();
    try {
      let killed = true;
      for (let at = 1 + Math.floor(Math.random() * step); killed && at < 400; at += step) {
        await tenants.create({ id: 'acme', isolation });
        await app.write('acme', 'archived');
        await writeFile(from, await tenants.export('acme'));
        await app.write('acme', 'since');
        const how = at % 2 ? 'killed before' : 'killed after';
        killed = await isKilled('restore', { url: database.url, name: database.name, from, to, at, how });
        const stored = await app.orm.store.find('acme');
        const isReplaced = stored?.placement !== undefined && 'awaits' in stored.placement;
        if (isReplaced) {
          await expect(tenants.resume('acme')).rejects.toMatchObject({ code: 'TRANSITION_REFUSED' });
          // What it had is whole where it was kept.
          const file = seen.has('replacing') ? from : to;
          await tenants.restore(
            'acme',
            () => createReadStream(file),
            () => expect.unreachable(),
          );
          expect((await tenants.resume('acme')).placement).not.toHaveProperty('awaits');
          expect(await app.authors('acme')).toEqual(file === to ? ['archived', 'since'] : ['archived']);
        } else {
          if (stored?.status === 'maintenance') await tenants.resume('acme');
          // A process that is killed at its end has restored it.
          const isRestored = !killed || seen.has('replacing');
          expect(await app.authors('acme')).toEqual(isRestored ? ['archived'] : ['archived', 'since']);
        }
        seen.add(isReplaced ? 'replacing' : `${stored?.status} ${killed}`);
        await app.write('acme', 'goes on');
        await tenants.remove('acme');
      }
      expect(seen).toContain('replacing');
      expect(seen).toContain('active false');
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
