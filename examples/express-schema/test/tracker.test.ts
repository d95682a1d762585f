import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { expectNoLeak } from '@omnitenant/orm/testing';
import { ask, type TestDatabase, testDatabase } from '@omnitenant/tooling';
import { afterAll, beforeAll, test } from 'vitest';
import { createApp } from '../src/app.ts';
import { Project, Task } from '../src/entities.ts';
import { openTracker, type Tracker } from '../src/tenancy.ts';

const token = 'of-the-test';
let database: TestDatabase;
let tracker: Tracker;
let server: Server;
let port: number;

beforeAll(async () => {
  database = await testDatabase();
  tracker = await openTracker(database.url);
  await tracker.tenancy.migrateCentral();
  server = createApp(tracker, token).listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
  for (const id of ['acme', 'bloom']) {
    const body = { id, name: `The ${id} company`, plan: 'business', domains: [`tracker.${id}.test`] };
    const answer = await ask(port, ['POST', 'localhost/companies'], { token, body });
    assert.deepEqual(answer, { status: 201, body: { id, name: body.name, plan: 'business' } });
  }
});

afterAll(async () => {
  server.close();
  await once(server, 'close');
  await tracker.tenancy.close();
  await database.drop();
});

test('a company has its own projects, by its subdomain as by its domain', async () => {
  const site = { key: 'SITE', name: 'The site' };
  for (const name of ['The site', 'Another site']) {
    const host = name === 'The site' ? 'acme.localhost' : 'bloom.localhost';
    const added = await ask(port, ['POST', `${host}/projects`], { body: { key: 'SITE', name } });
    assert.deepEqual(added, { status: 201, body: { key: 'SITE', name } });
  }
  await ask(port, ['POST', 'acme.localhost/projects/SITE/tasks'], { body: { title: 'Paint it' } });

  for (const host of ['acme.localhost', 'tracker.acme.test', 'www.tracker.acme.test']) {
    const { body } = await ask(port, ['GET', `${host}/projects/SITE`]);
    assert.deepEqual(body, { ...site, tasks: [{ title: 'Paint it', done: false }] });
  }
  const { body } = await ask(port, ['GET', 'bloom.localhost/projects/SITE']);
  assert.deepEqual(body, { key: 'SITE', name: 'Another site', tasks: [] });
  for (const [id, name] of Object.entries({ acme: 'The site', bloom: 'Another site' })) {
    const list = await ask(port, ['GET', `${id}.localhost/projects`]);
    assert.deepEqual(list, { status: 200, body: [{ key: 'SITE', name }] });
  }
});

test('a key is a company’s own, and is there once', async () => {
  const project = { body: { key: 'ONCE', name: 'Once' } };
  assert.equal((await ask(port, ['POST', 'acme.localhost/projects'], project)).status, 201);
  assert.equal((await ask(port, ['POST', 'acme.localhost/projects'], project)).status, 409);
  assert.equal((await ask(port, ['POST', 'bloom.localhost/projects'], project)).status, 201);
});

test('what is missing or makes no sense is told', async () => {
  assert.equal((await ask(port, ['GET', 'acme.localhost/projects/NONE'])).status, 404);
  assert.equal((await ask(port, ['POST', 'acme.localhost/projects'], { body: { key: 7 } })).status, 400);
  assert.equal((await ask(port, ['POST', 'acme.localhost/projects'])).status, 400);
});

test('a host that leads to no company is answered with 404, and no more is said', async () => {
  for (const host of ['nobody.localhost', 'nobody.test']) {
    const { status, body } = await ask(port, ['GET', `${host}/projects`]);
    assert.deepEqual({ status, body }, { status: 404, body: { error: { code: 'TENANT_UNKNOWN' } } });
  }
});

test('companies are made on the public host alone, by who has the token', async () => {
  const body = { id: 'mine', name: 'Mine' };
  assert.equal((await ask(port, ['POST', 'localhost/companies'], { body })).status, 401);
  assert.equal((await ask(port, ['POST', 'localhost/companies'], { body, token: 'guessed' })).status, 401);
  assert.equal((await ask(port, ['POST', 'acme.localhost/companies'], { body, token })).status, 404);
  const taken = await ask(port, ['POST', 'localhost/companies'], { body: { id: 'acme' }, token });
  assert.equal(taken.status, 409);
  const invalid = await ask(port, ['POST', 'localhost/companies'], { body: { id: '../acme' }, token });
  assert.equal(invalid.status, 422);
  const { body: companies } = await ask(port, ['GET', 'localhost/companies'], { token });
  assert.ok(!JSON.stringify(companies).includes('mine'));
});

test('a company that is suspended is closed at once, and the others are not', async () => {
  await ask(port, ['POST', 'localhost/companies'], { token, body: { id: 'drift' } });
  assert.equal((await ask(port, ['GET', 'drift.localhost/projects'])).status, 200);
  assert.equal((await ask(port, ['POST', 'localhost/companies/drift/suspension'], { token })).status, 204);
  assert.equal((await ask(port, ['GET', 'drift.localhost/projects'])).status, 403);
  assert.equal((await ask(port, ['GET', 'acme.localhost/projects'])).status, 200);
});

test('however their requests overlap, no company is shown what is another’s', () =>
  expectNoLeak({
    ...tracker,
    tenants: ['acme', 'bloom'],
    app: `http://127.0.0.1:${port}`,
    seed: async (canary) => {
      const project = tracker.orm.em.create(Project, { key: 'LEAK', name: canary('project') });
      tracker.orm.em.create(Task, { title: canary('task'), project });
      await tracker.orm.em.flush();
    },
    requests: {
      'list projects': (tenant) => new Request(`http://${tenant}.localhost/projects`),
      'show a project': (tenant) => new Request(`http://tracker.${tenant}.test/projects/LEAK`),
      'add a task': (tenant, canary) =>
        new Request(`http://${tenant}.localhost/projects/LEAK/tasks`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ title: canary('posted') }),
        }),
    },
  }));

test('start serves until it is told to stop', async () => {
  const main = new URL('../src/main.ts', import.meta.url).pathname;
  const env = { ...process.env, NODE_OPTIONS: '', DATABASE_URL: database.url, ADMIN_TOKEN: token, PORT: '0' };
  const child = spawn(process.execPath, ['--conditions=@omnitenant/source', main], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  try {
    const { value: line = '' } = await createInterface(child.stdout)[Symbol.asyncIterator]().next();
    const { status } = await ask(Number(/:(\d+)$/.exec(line)?.[1]), ['GET', 'acme.localhost/projects']);
    assert.equal(status, 200);
  } finally {
    child.kill('SIGTERM');
  }
  assert.deepEqual(await exit, [0, null]);
});
