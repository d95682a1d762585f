import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { plainDatabase, type TestDatabase, type TestRedis, testRedis } from '@omnitenant/tooling';
import type { Hono } from 'hono';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApp } from '../src/app.ts';
import { openShop, type Shop } from '../src/shop.ts';
import { startTelemetry, type Telemetry } from '../src/telemetry.ts';

let database: TestDatabase;
let redis: TestRedis;
let shop: Shop;
let telemetry: Telemetry;
let app: Hono;

beforeAll(async () => {
  database = await plainDatabase();
  redis = await testRedis();
  shop = await openShop({ database: database.url, redis: redis.url, prefix: redis.prefix });
  telemetry = startTelemetry(shop, ['acme']);
  await shop.tenancy.migrateCentral();
  for (const id of ['acme', 'bloom']) await shop.tenancy.tenants.create({ id });
  app = createApp(shop, telemetry);
  const { promise: done, resolve } = Promise.withResolvers<void>();
  let left = 2;
  shop.worker.on('completed', () => {
    left -= 1;
    if (left === 0) resolve();
  });
  for (const id of ['acme', 'bloom']) {
    const body = JSON.stringify({ item: 'a book' });
    const headers = { 'content-type': 'application/json' };
    assert.equal((await app.request(`http://${id}.localhost/orders`, { method: 'POST', body, headers })).status, 201);
    for (let n = 0; n < 3; n += 1) assert.equal(await read(`${id}.localhost/orders/count`), '1');
  }
  await done;
}, 120_000);

afterAll(async () => {
  await telemetry.stop();
  await shop.close();
  await redis.drop();
  await database.drop();
});

async function read(address: string): Promise<string> {
  const answer = await app.request(`http://${address}`);
  assert.equal(answer.status, 200);
  return answer.text();
}

test('Prometheus reads what the shops do', async () => {
  const text = await read('localhost/metrics');
  const value = (sample: RegExp) => Number(sample.exec(text)?.[1]);
  expect(value(/^db_client_connection_max\{.*pool_name="default".*\} (\d+)$/m)).toBe(10);
  expect(value(/^omnitenant_cache_reads_total\{.*cache_result="hit".*\} (\d+)$/m)).toBe(4);
  expect(value(/^omnitenant_cache_reads_total\{.*cache_result="miss".*\} (\d+)$/m)).toBe(2);
  expect(value(/^messaging_process_duration_count\{.*destination_name="receipts".*tenant_id="acme".*\} (\d+)$/m)).toBe(
    1,
  );
  expect(value(/^omnitenant_queue_jobs\{.*job_state="completed".*\} (\d+)$/m)).toBe(2);
  expect(value(/^omnitenant_db_client_statements_total\{.*\} (\d+)$/m)).toBeGreaterThan(0);
});

test('only a tenant that was named is a series of its own', async () => {
  const text = await read('localhost/metrics');
  expect(text).toContain('tenant_id="acme"');
  expect(text).not.toContain('bloom');
});

test('each query of the dashboard names metrics that there are, and their labels', async () => {
  const text = await read('localhost/metrics');
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const names = new Set(samples.map((line) => line.split(/[{ ]/)[0]));
  const { panels } = JSON.parse(readFileSync(`${import.meta.dirname}/../dashboard.json`, 'utf8')) as {
    panels: { title: string; targets: { expr: string }[] }[];
  };
  const queries = panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const));
  expect(queries.length).toBeGreaterThan(panels.length - 1);
  for (const [title, expr] of queries) {
    const [name] = /\w+(?=\{)/.exec(expr) ?? [];
    expect(names, `${title}: ${expr}`).toContain(name);
    const labels = /by \(([^)]*)\)/.exec(expr)?.[1]?.split(', ') ?? [];
    const of = samples.filter((line) => line.startsWith(`${name}{`));
    for (const label of labels) expect(of.join('\n'), `${title}: ${expr}`).toContain(`${label}="`);
  }
});

test('health names each server, and no tenant', async () => {
  const text = await read('localhost/health');
  const { checks } = JSON.parse(text) as { checks: { name: string; status: string }[] };
  expect(checks.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['store', 'changes', 'orm: server default', 'cache: Redis', 'queue receipts']),
  );
  expect(text).not.toMatch(/acme|bloom/);
});
