import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expectNoLeak } from '@omnitenant/orm/testing';
import { plainDatabase, type TestDatabase } from '@omnitenant/tooling';
import type { Hono } from 'hono';
import { afterAll, beforeAll, test } from 'vitest';
import { createApp } from '../src/app.ts';
import { Project, Task } from '../src/entities.ts';
import { openTracker, type Tracker } from '../src/tenancy.ts';

const token = 'of-the-test';
let database: TestDatabase;
let tracker: Tracker;
let app: Hono;

beforeAll(async () => {
  database = await plainDatabase();
  tracker = await openTracker(database.url);
  await tracker.tenancy.migrateCentral();
  app = createApp(tracker, token);
  for (const id of ['acme', 'bloom']) {
    const company = { id, name: `The ${id} company`, domains: [`tracker.${id}.test`] };
    assert.equal((await post('localhost/companies', company, token)).status, 201);
  }
});

afterAll(async () => {
  await tracker.tenancy.close();
  await database.drop();
});

test('a company has its own projects, by its subdomain as by its domain', async () => {
  await post('acme.localhost/projects', { key: 'SITE', name: 'The site' });
  await post('bloom.localhost/projects', { key: 'SITE', name: 'Another site' });
  await post('acme.localhost/projects/SITE/tasks', { title: 'Paint it' });

  for (const host of ['acme.localhost', 'tracker.acme.test', 'www.tracker.acme.test']) {
    const tasks = [{ title: 'Paint it', done: false }];
    assert.deepEqual(await read(`${host}/projects/SITE`), { key: 'SITE', name: 'The site', tasks });
    assert.deepEqual(await read(`${host}/workload`), [{ key: 'SITE', open: 1 }]);
  }
  assert.deepEqual(await read('bloom.localhost/projects'), [{ key: 'SITE', name: 'Another site' }]);
  assert.deepEqual(await read('bloom.localhost/projects/SITE'), { key: 'SITE', name: 'Another site', tasks: [] });
  assert.deepEqual(await read('bloom.localhost/workload'), []);
});

test('both are in the same table, which nobody reads who is in no company', async () => {
  const schemas = (id: string) => tracker.tenancy.run(id, () => tracker.orm.em.execute('select current_schema()'));
  assert.deepEqual(await schemas('acme'), await schemas('bloom'));
  const reading = tracker.tenancy.central(() => tracker.orm.em.execute('select * from rows.project'));
  await assert.rejects(reading, /permission denied/);
});

test('its health is told on every host, and names no company', async () => {
  const answer = await get('10.0.0.1/health');
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  const { ready, checks } = JSON.parse(text) as { ready: boolean; checks: { name: string }[] };
  assert.equal(ready, true);
  assert.deepEqual(
    checks.map(({ name }) => name),
    ['store', 'tenants', 'changes', 'orm: server default', 'orm: migrations'],
  );
  assert.doesNotMatch(text, /acme|bloom/);
});

test('a key is a company’s own, and is there once', async () => {
  const project = { key: 'ONCE', name: 'Once' };
  assert.equal((await post('acme.localhost/projects', project)).status, 201);
  assert.equal((await post('acme.localhost/projects', project)).status, 409);
  assert.equal((await post('bloom.localhost/projects', project)).status, 201);
});

test('what is missing or makes no sense is told', async () => {
  assert.equal((await get('acme.localhost/projects/NONE')).status, 404);
  assert.equal((await post('acme.localhost/projects', { key: 7 })).status, 400);
});

test('a host that leads to no company is answered with 404, and no more is said', async () => {
  for (const host of ['nobody.localhost', 'nobody.test']) {
    const answer = await get(`${host}/projects`);
    assert.equal(answer.status, 404);
    assert.deepEqual(await answer.json(), { error: { code: 'TENANT_UNKNOWN', message: 'Not Found' } });
  }
});

test('companies are made on the public host alone, by who has the token', async () => {
  assert.equal((await post('localhost/companies', { id: 'mine' })).status, 401);
  assert.equal((await post('localhost/companies', { id: 'mine' }, 'guessed')).status, 401);
  assert.equal((await post('acme.localhost/companies', { id: 'mine' }, token)).status, 404);
  assert.equal((await post('localhost/companies', { id: 'acme' }, token)).status, 409);
  assert.equal((await post('localhost/companies', { id: '../acme' }, token)).status, 422);
  assert.deepEqual(
    await read('localhost/companies', token),
    ['acme', 'bloom'].map((id) => ({ id, name: `The ${id} company`, status: 'active' })),
  );
});

test('a company that is removed takes its rows along, and nobody else’s', async () => {
  await post('localhost/companies', { id: 'brief' }, token);
  for (const id of ['brief', 'acme']) await post(`${id}.localhost/projects`, { key: 'BRIEF', name: 'Brief' });
  const removed = await app.request('http://localhost/companies/brief', { method: 'DELETE', headers: bearer(token) });
  assert.equal(removed.status, 204);
  assert.equal((await get('brief.localhost/projects')).status, 404);
  assert.equal((await get('acme.localhost/projects/BRIEF')).status, 200);
  await post('localhost/companies', { id: 'brief' }, token);
  assert.deepEqual(await read('brief.localhost/projects'), []);
  await tracker.tenancy.tenants.remove('brief');
});

test('however their requests overlap, no company is shown what is another’s', () =>
  expectNoLeak({
    ...tracker,
    tenants: ['acme', 'bloom'],
    app,
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
    const url = `http://127.0.0.1:${/:(\d+)$/.exec(line)?.[1]}`;
    // An address is no host that leads to anybody.
    assert.equal((await fetch(url, { headers: { connection: 'close' } })).status, 400);
  } finally {
    child.kill('SIGTERM');
  }
  assert.deepEqual(await exit, [0, null]);
});

const bearer = (value: string | undefined): Record<string, string> =>
  value ? { authorization: `Bearer ${value}` } : {};

const get = async (url: string, as?: string): Promise<Response> =>
  app.request(`http://${url}`, { headers: bearer(as) });

const read = async (url: string, as?: string): Promise<unknown> => (await get(url, as)).json();

const post = async (url: string, body: object, as?: string): Promise<Response> =>
  app.request(`http://${url}`, { method: 'POST', body: JSON.stringify(body), headers: bearer(as) });
