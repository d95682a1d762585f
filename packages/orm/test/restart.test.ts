import { defineConfig } from '@mikro-orm/postgresql';
import { isTenancyError } from '@omnitenant/core';
import { testPostgresServer } from '@omnitenant/tooling';
import { expect, test } from 'vitest';
import { Author, Tag } from '../src/testing/library.ts';
import { runLibrary } from './fixtures/running-library.ts';

test('a server that is started again in the midst of traffic is used again, and nobody is given what is another’s', async () => {
  await using server = await testPostgresServer();
  const isolations = { a: 'schema', b: 'schema', c: 'database', d: 'row', e: 'row' };
  const tenants = Object.fromEntries(Object.entries(isolations).map(([id, isolation]) => [id, { isolation }]));
  await using library = await runLibrary(defineConfig({ clientUrl: server.url, pool: { max: 2 } }), tenants, {
    // The server's one user is a superuser.
    roles: true,
  });
  const { tenancy, orm } = library;
  const outcomes = new Set<unknown>();
  let over = false;

  async function work(id: string): Promise<void> {
    for (let n = 0; !over; n += 1) {
      try {
        const names = await tenancy.run(id, () =>
          orm.em.transactional(async (em) => {
            await em.insert(Tag, { name: `${n} of ${id}` });
            return [...(await em.find(Author, {})), ...(await em.find(Tag, {}))].map(({ name }) => name);
          }),
        );
        expect(names.filter((name) => !name.endsWith(` of ${id}`))).toEqual([]);
        outcomes.add('served');
      } catch (error) {
        if (!isTenancyError(error)) throw error;
        outcomes.add(error.code);
      }
    }
  }
  const traffic = Promise.all(Object.keys(tenants).flatMap((id) => [work(id), work(id)]));
  await server.restart();
  await server.restart();
  over = true;
  await traffic;
  expect(outcomes).toContain('served');
  expect([...outcomes].filter((code) => code !== 'served' && code !== 'STORE_UNAVAILABLE')).toEqual([
    'SERVER_UNAVAILABLE',
  ]);
  for (const id of Object.keys(tenants)) {
    expect(await tenancy.run(id, () => orm.em.find(Author, {}))).toMatchObject([{ name: `first of ${id}` }]);
  }
}, 300_000);
