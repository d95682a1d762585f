import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ask, type TestRedis, testRedis } from '@omnitenant/tooling';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApp } from '../src/app.ts';
import { type Emails, openEmails } from '../src/emails.ts';

const token = 'of-the-test';
let redis: TestRedis;
let emails: Emails;
let server: Server;
let port: number;

interface Board {
  readonly queues: readonly {
    readonly counts: Record<string, number>;
    readonly isPaused: boolean;
    readonly jobs: readonly { readonly id: string; readonly name: string }[];
  }[];
}

beforeAll(async () => {
  redis = await testRedis();
  const { hostname: host, port: redisPort } = new URL(redis.url);
  emails = openEmails({ host, port: Number(redisPort || 6379) }, `${redis.prefix}bull`);
  const { promise: done, resolve } = Promise.withResolvers<void>();
  let left = 4;
  for (const event of ['completed', 'failed'] as const) {
    emails.worker.on(event, () => {
      left -= 1;
      if (left === 0) resolve();
    });
  }
  for (const id of ['acme', 'bloom']) {
    await emails.tenancy.tenants.create({ id, domains: [`${id}.test`] });
    await emails.tenancy.run(id, async () => {
      await emails.queue.add('welcome', { to: `ada@${id}.test` });
      await emails.queue.add('invoice', { to: `nobody of ${id}` });
    });
  }
  await done;
  server = createApp(emails, token).listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});

afterAll(async () => {
  server.close();
  await once(server, 'close');
  await emails.close();
  await redis.drop();
});

async function boardOf(host: string): Promise<Board['queues'][number]> {
  const { status, body } = await ask(port, ['GET', `${host}/queues/api/queues?activeQueue=emails`], { token });
  assert.equal(status, 200);
  const [queue] = (body as Board).queues;
  assert(queue);
  return queue;
}

test('operators see the jobs of all tenants, each named with its tenant', async () => {
  const { jobs, counts } = await boardOf('localhost');
  const names = jobs.map(({ name }) => name).toSorted();
  expect(names).toEqual(['acme: invoice', 'acme: welcome', 'bloom: invoice', 'bloom: welcome']);
  expect(counts).toMatchObject({ completed: 2, failed: 2 });
  expect(await ask(port, ['GET', 'localhost/queues/api/queues'])).toMatchObject({ status: 401 });
});

test('a tenant sees its own, and works on no other’s', async () => {
  const acme = await boardOf('acme.test');
  const bloom = await boardOf('bloom.test');
  expect(acme.jobs.map(({ name }) => name).toSorted()).toEqual(['invoice', 'welcome']);
  expect(acme.counts).toMatchObject({ completed: 1, failed: 1, waiting: 0 });
  const [other] = bloom.jobs;
  assert(other);
  for (const [method, path] of [
    ['GET', `${other.id}`],
    ['PUT', `${other.id}/retry/failed`],
    ['PUT', `${other.id}/clean`],
  ] as const) {
    const { status, body } = await ask(port, [method, `acme.test/queues/api/queues/emails/${path}`]);
    expect([path, status, JSON.stringify(body)]).toEqual([path, 404, expect.not.stringContaining('bloom')]);
  }
  await emails.tenancy.run('bloom', () => emails.queue.addJobLog(other.id, 'of bloom'));
  const logs = await ask(port, ['GET', `acme.test/queues/api/queues/emails/${other.id}/logs`]);
  expect(logs.body).toEqual([]);
  expect(await boardOf('bloom.test')).toEqual(bloom);
});

test('what concerns the jobs of all is refused, and a tenant pauses its own jobs only', async () => {
  for (const path of ['empty', 'clean/completed', 'promote']) {
    const { status, body } = await ask(port, ['PUT', `acme.test/queues/api/queues/emails/${path}`]);
    expect([path, status, JSON.stringify(body)]).toEqual([path, 403, expect.stringContaining('all tenants')]);
  }
  expect(await ask(port, ['PUT', 'acme.test/queues/api/queues/emails/pause'])).toMatchObject({ status: 200 });
  expect([(await boardOf('acme.test')).isPaused, (await boardOf('bloom.test')).isPaused]).toEqual([true, false]);
  expect(await ask(port, ['PUT', 'acme.test/queues/api/queues/emails/resume'])).toMatchObject({ status: 200 });
  const stats = await ask(port, ['GET', 'acme.test/queues/api/redis/stats']);
  expect(JSON.stringify(stats.body)).not.toContain('redis_version');
});
