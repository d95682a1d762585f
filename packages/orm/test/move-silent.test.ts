import type { MoveStep } from '@omnitenant/core';
import { plainDatabase, testProxy } from '@omnitenant/tooling';
import { expect, test } from 'vitest';
import { open, sql, storage } from './fixtures/moving.ts';

/** An application with a server `eu` that may fall silent: it is the same one, by another way. */
async function site() {
  const database = await plainDatabase();
  const proxy = await testProxy(database.url);
  const app = await open(database, {
    servers: { eu: { clientUrl: proxy.url } },
    names: { database: (id) => `${database.name}_${id}` },
  });
  await app.tenants.create({ id: 'acme' });
  for (const name of ['one', 'two']) await app.write('acme', name);
  return {
    database,
    proxy,
    app,
    async [Symbol.asyncDispose]() {
      await app[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

const toEu = { isolation: 'database', placement: { server: 'eu' } };

test.concurrent('a tenant is not moved to a server that takes connections and never answers, and nothing is made', async () => {
  await using place = await site();
  const { app, proxy, database } = place;
  proxy.fallSilent();
  await expect(app.tenants.move('acme', toEu)).rejects.toMatchObject({
    code: 'SERVER_UNAVAILABLE',
    message: expect.stringContaining('of the server "eu"'),
  });
  await app.write('acme', 'served');
  expect(await app.authors('acme')).toEqual(['one', 'served', 'two']);
  expect(await storage(database)).toEqual(['t_acme']);
});

test.concurrent.each<MoveStep>(['create', 'copy'])(
  'a tenant whose new server falls silent at the step %s is served where it was, and what is there is given up',
  async (step) => {
    await using place = await site();
    const { app, proxy, database } = place;
    const onProgress = (progress: { step: MoveStep }) => void (progress.step === step && proxy.fallSilent());
    await expect(app.tenants.move('acme', toEu, { onProgress })).rejects.toMatchObject({
      code: 'MOVE_FAILED',
      message: expect.stringMatching(/the server "eu".*undoMove\("acme", \{ forget: true \}\)/),
    });
    await app.write('acme', 'served');
    await app.tenants.undoMove('acme', { forget: true });
    await app.tenants.move('acme', {
      isolation: 'database',
      placement: { server: 'default', database: `${database.name}_acme_2` },
    });
    expect(await app.authors('acme')).toEqual(['one', 'served', 'two']);
    await sql(database.url, `drop database if exists ${database.name}_acme with (force)`);
  },
);

test.concurrent('a tenant whose new server falls silent when it has just been moved there keeps its old place', async () => {
  await using place = await site();
  const { app, proxy, database } = place;
  const onProgress = ({ step }: { step: MoveStep }) => void (step === 'switch' && setTimeout(proxy.fallSilent, 500));
  await expect(app.tenants.move('acme', toEu, { onProgress })).rejects.toMatchObject({
    code: 'MOVE_FAILED',
    message: expect.stringMatching(/is at its new place, which cannot be used: .*Its old place is kept/),
  });
  await app.tenants.undoMove('acme', { forget: true });
  expect(await app.authors('acme')).toEqual(['one', 'two']);
  await sql(database.url, `drop database if exists ${database.name}_acme with (force)`);
});
