import type { MoveStep } from '@omnitenant/core';
import { plainDatabase } from '@omnitenant/tooling';
import { describe, expect, test } from 'vitest';
import { open, pairs, sql, storage } from './fixtures/moving.ts';

describe.each(pairs)('a tenant that is moved from isolation %s to %s', (from, to) => {
  test('is there with all of its rows, and nowhere else, in every process', async () => {
    await using database = await plainDatabase();
    await using app = await open(database);
    await using other = await open(database);
    await app.tenants.create({ id: 'acme', isolation: from });
    await app.tenants.create({ id: 'birch', isolation: 'row' });
    const fill = `insert into author (name) select 'author ' || n from generate_series(1, 500) n;
      insert into book (title, author_id) select 'book ' || id, id from author`;
    await app.tenancy.run('acme', () => app.orm.em.execute(fill));
    expect((await other.authors('acme')).length).toBe(500);
    const steps: MoveStep[] = [];
    const moved = await app.tenants.move(
      'acme',
      { isolation: to },
      { onProgress: ({ step }) => void steps.push(step) },
    );
    expect(steps).toEqual(['create', 'seal', 'copy', 'switch', 'drop']);
    expect(moved).toMatchObject({ id: 'acme', isolation: to, status: 'active' });
    for (const each of [app, other]) {
      await each.write('acme', `by ${each === app}`);
      expect((await each.authors('acme')).length).toBe(each === app ? 501 : 502);
      expect(await each.authors('birch')).toEqual([]);
      const found = await each.tenancy.run('acme', () =>
        each.orm.em.execute('select count(*)::int as n from book join author on author.id = author_id'),
      );
      expect(found).toEqual([{ n: 500 }]);
    }
    expect(await app.orm.migrations.verify()).toMatchObject({ groups: [] });
    expect(await storage(database)).toEqual(to === 'row' ? [] : [to === 'schema' ? 't_acme' : `${database.name}_acme`]);
    const asOwner = `set role "${database.name}_rows_tenants_owner"`;
    expect(await sql(database.url, `${asOwner}; select distinct tenant_id from rows.author`)).toEqual(
      to === 'row' ? [{ tenant_id: 'acme' }] : [],
    );
    await expect(app.tenants.move('acme', { isolation: to })).rejects.toMatchObject({ code: 'TRANSITION_REFUSED' });
    await app.tenants.remove('acme');
    expect(await storage(database)).toEqual([]);
  });
});
