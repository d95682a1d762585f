import { randomUUID } from 'node:crypto';
import { TenancyError } from '@omnitenant/core';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type AdminOptions, createAdmin, type Operator } from '../src/index.ts';
import { openSite, type Site } from './site.ts';

let site: Site;
beforeAll(async () => {
  site = await openSite();
  await site.tenancy.tenants.create({
    id: 'acme',
    config: { plan: 'gold', apiKey: 'k-1', limits: { seats: 5, gb: 1 } },
  });
});
afterAll(() => site[Symbol.asyncDispose]());

const key = (value: string) => ({ 'idempotency-key': value });

/** The operation, once it has ended. */
async function ended(id: string) {
  return vi.waitFor(async () => {
    const { body } = await site.ask('GET', `/operations/${id}`);
    expect(body.status).not.toBe('running');
    return body;
  });
}

test('an operator suspends, maintains, archives and resumes a tenant', async () => {
  const status = async (verb: string, body = {}) =>
    (await site.ask('POST', `/tenants/acme/${verb}`, { body })).body.status;
  expect(await status('suspend', { reason: 'unpaid' })).toBe('suspended');
  expect(await status('maintain')).toBe('maintenance');
  expect(await status('archive', { retainUntil: '2999-01-01T00:00:00.000Z' })).toBe('archived');
  expect(await status('resume')).toBe('active');
  const refused = await site.ask('POST', '/tenants/acme/resume');
  expect([refused.status, refused.body.code]).toEqual([409, 'TRANSITION_REFUSED']);
});

test('an operator who may not destroy a tenant gives no date after which a purge would', async () => {
  const body = { retainUntil: '2026-01-01T00:00:00.000Z' };
  const refused = await site.ask('POST', '/tenants/acme/archive', { as: 'clerk', body });
  expect([refused.status, refused.body]).toEqual([
    403,
    expect.objectContaining({ code: 'PERMISSION_MISSING', detail: expect.stringContaining('"destroy"') }),
  ]);
  expect((await site.ask('POST', '/tenants/acme/archive', { as: 'clerk' })).body.status).toBe('archived');
  await site.ask('POST', '/tenants/acme/resume', { as: 'clerk' });
});

test('who did it, and why, is in the audit, which is exported line by line', async () => {
  await site.ask('POST', '/tenants/acme/suspend', { as: 'clerk', body: { reason: 'ticket 7' } });
  await site.ask('POST', '/tenants/acme/resume', { as: 'clerk' });
  const { body } = await site.ask('GET', '/audit?tenant=acme&limit=4');
  expect(body.entries.map(({ verb, outcome, actor }: Record<string, string>) => [verb, outcome, actor])).toEqual([
    ['resume', 'done', 'clerk@app.test'],
    ['resume', 'began', 'clerk@app.test'],
    ['suspend', 'done', 'clerk@app.test'],
    ['suspend', 'began', 'clerk@app.test'],
  ]);
  expect(body.entries[2]).toMatchObject({
    reason: 'ticket 7',
    after: { status: 'suspended', config: { apiKey: '***' } },
  });
  const next = await site.ask('GET', `/audit?tenant=acme&limit=1&after=${body.next}`);
  expect(Number(next.body.entries[0].id)).toBeLessThan(Number(body.next));
  const lines = (await site.ask('GET', '/audit.ndjson?tenant=acme')).body.trim().split('\n');
  expect(JSON.parse(lines[0])).toMatchObject({ verb: 'create', outcome: 'began', tenant: 'acme' });
  expect((await site.ask('GET', '/audit.ndjson?since=2999-01-01T00:00:00Z')).body).toBe('');
});

test('of two operators who change what both have read, one is told to read it again', async () => {
  const { body: seen } = await site.ask('GET', '/tenants/acme');
  const change = (name: string) =>
    site.ask('PATCH', '/tenants/acme', { body: { name }, headers: { 'if-match': seen.etag } });
  const answers = await Promise.all([change('One'), change('Two'), change('Three')]);
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412]);
  const won = answers.find(({ status }) => status === 200);
  const { body: now, headers } = await site.ask('GET', '/tenants/acme');
  expect(now.name).toBe(won?.body.name);
  expect(headers.get('etag')).toBe(won?.headers.get('etag'));
  expect(answers.find(({ status }) => status === 412)?.body.code).toBe('TENANT_CHANGED');
  const blind = await site.ask('PATCH', '/tenants/acme', { body: { name: 'x' } });
  expect([blind.status, blind.body.code]).toEqual([428, 'IF_MATCH_REQUIRED']);
  const late = await site.ask('POST', '/tenants/acme/suspend', { headers: { 'if-match': seen.etag } });
  expect(late.status).toBe(412);
});

test('a change of the config keeps what it does not name, the secrets among it', async () => {
  const patch = async (config: object) => {
    const { etag } = (await site.ask('GET', '/tenants/acme')).body;
    return site.ask('PATCH', '/tenants/acme', { body: { config }, headers: { 'if-match': etag } });
  };
  expect((await patch({ plan: 'free', limits: { gb: null } })).status).toBe(200);
  expect((await site.orm.store.find('acme'))?.config).toEqual({ plan: 'free', apiKey: 'k-1', limits: { seats: 5 } });
  const masked = await patch({ apiKey: '***' });
  expect([masked.status, masked.body.issues[0].path]).toEqual([422, 'body.config.apiKey']);
  const deep = await patch({ mail: [{ password: '***' }] });
  expect([deep.status, deep.body.issues[0].path]).toEqual([422, 'body.config.mail.0.password']);
  for (const shown of ['postgres://***@db/acme', 'host=db password=***']) {
    expect((await patch({ dsn: shown })).body.code).toBe('INPUT_INVALID');
  }
  const copied = await site.ask('POST', '/tenants', { body: { id: 'copy', config: { apiKey: '***' } } });
  expect([copied.status, copied.body.code]).toEqual([422, 'INPUT_INVALID']);
  const { etag } = (await site.ask('GET', '/tenants/acme')).body;
  const body = { columns: { placement: { url: 'postgres://elsewhere' } } };
  expect((await site.ask('PATCH', '/tenants/acme', { body, headers: { 'if-match': etag } })).status).toBe(422);
});

test('domains are added and removed', async () => {
  const added = await site.ask('POST', '/tenants/acme/domains', { body: { host: 'acme.example', primary: true } });
  expect(added.body.domains).toEqual([{ host: 'acme.example', primary: true }]);
  const refused = await site.ask('POST', '/tenants/acme/domains', { body: { host: 'app.test' } });
  expect([refused.status, refused.body.code]).toEqual([409, 'DOMAIN_TAKEN']);
  const removed = await site.ask('DELETE', '/tenants/acme/domains/acme.example?reason=moved');
  expect(removed.body.domains).toEqual([]);
});

test('a tenant is created by an operation, once for each key', async () => {
  const create = (id: string, as = 'root') =>
    site.ask('POST', '/tenants', { as, body: { id, config: { a: 1 }, reason: 'new' }, headers: key('k1') });
  const [first, again] = await Promise.all([create('bloom'), create('bloom')]);
  expect([first.status, again.status]).toEqual([202, 202]);
  expect(again.body.id).toBe(first.body.id);
  expect(first.headers.get('location')).toBe(`/admin/api/v1/operations/${first.body.id}`);
  expect(await ended(first.body.id)).toMatchObject({
    verb: 'create',
    tenant: 'bloom',
    status: 'succeeded',
    reason: 'new',
  });
  expect((await site.orm.store.find('bloom'))?.status).toBe('active');
  const other = await create('cobalt');
  expect([other.status, other.body.code]).toEqual([409, 'KEY_REUSED']);
  const { body: failed } = await create('bloom', 'clerk');
  expect(await ended(failed.id)).toMatchObject({ status: 'failed', error: { code: 'TENANT_EXISTS' } });
});

test('what destroys is confirmed by the id, and takes the permission to destroy', async () => {
  const remove = (confirm: string, as: string) =>
    site.ask('POST', '/tenants/bloom/remove', { as, body: { confirm }, headers: key(`remove ${confirm}`) });
  expect((await remove('bloom', 'clerk')).body.code).toBe('PERMISSION_MISSING');
  expect((await remove('acme', 'root')).body.code).toBe('NOT_CONFIRMED');
  const { body } = await remove('bloom', 'root');
  expect((await ended(body.id)).status).toBe('succeeded');
  expect(await site.orm.store.find('bloom')).toBeUndefined();
  // Whoever has not had the answer asks again.
  const again = await remove('bloom', 'root');
  expect([again.status, again.body.id, again.body.status]).toEqual([202, body.id, 'succeeded']);
  const reused = { body: { confirm: 'bloom', reason: 'x' }, headers: key('remove bloom') };
  expect((await site.ask('POST', '/tenants/bloom/remove', reused)).body.code).toBe('KEY_REUSED');
  const unknown = { body: { confirm: 'bloom' }, headers: key('another') };
  const refused = await site.ask('POST', '/tenants/bloom/remove', unknown);
  expect([refused.status, refused.body.code]).toEqual([404, 'TENANT_UNKNOWN']);
});

test('the fleet is migrated and verified by operations, with their progress and report', async () => {
  expect((await site.ask('GET', '/migrations')).body).toEqual({
    names: [],
    versions: [{ version: 'none', tenants: 1, pending: 0 }],
    central: { applied: [], pending: [] },
  });
  expect((await site.ask('GET', '/migrations/plan')).body).toEqual({ steps: [], migrations: [] });
  const run = await site.ask('POST', '/migrations/up', { body: { tenants: ['acme'], reason: 'release 2' } });
  expect(await ended(run.body.id)).toMatchObject({ status: 'succeeded', tenant: null, result: { failed: [] } });
  const verified = await site.ask('POST', '/tenants/acme/verify');
  expect(await ended(verified.body.id)).toMatchObject({ status: 'succeeded', result: { well: 1, groups: [] } });
  const unknown = await site.ask('GET', '/migrations/plan?to=NoSuch');
  expect([unknown.status, unknown.body.code]).toEqual([422, 'MIGRATION_UNKNOWN']);
  const { body } = await site.ask('GET', '/operations?tenant=acme&limit=1');
  expect(body.operations).toMatchObject([{ id: verified.body.id }]);
});

test('an operation is streamed until it has ended', async () => {
  const { promise: goOn, resolve } = Promise.withResolvers<void>();
  const off = site.tenancy.signals.on('migrating', () => goOn);
  const { body } = await site.ask('POST', '/tenants/acme/migrate');
  const url = `http://app.test/admin/api/v1/operations/${body.id}/events`;
  const answer = await site.admin(new Request(url, { headers: { 'x-operator': 'reader' } }));
  expect(answer.headers.get('content-type')).toBe('text/event-stream');
  let stream = '';
  for await (const chunk of answer.body ?? []) {
    stream += Buffer.from(chunk).toString();
    resolve();
  }
  off();
  const events = stream.match(/^data: .*$/gm)?.map((line) => JSON.parse(line.slice('data: '.length))) ?? [];
  expect(events.at(0)?.status).toBe('running');
  expect(events.at(-1)).toMatchObject({ id: body.id, status: 'succeeded' });
});

test('whoever logs out, or may no longer read, is told nothing more', async () => {
  const { tenancy, orm } = site;
  const { promise: goOn, resolve: end } = Promise.withResolvers<void>();
  const off = tenancy.signals.on('migrating', () => goOn);
  const { body } = await site.ask('POST', '/tenants/acme/migrate');
  for (const later of [undefined, { id: 'maria', permissions: [] }, { id: 'noor', permissions: ['read'] }] as const) {
    let now: Operator | undefined = { id: 'maria', permissions: ['read'] };
    const admin = createAdmin({ tenancy, orm, authorize: () => now, leaseMs: 60_000 });
    const answer = await admin(new Request(`http://app.test/admin/api/v1/operations/${body.id}/events`));
    const reader = answer.body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? '').toString()).toContain('"status":"running"');
    now = later;
    const progress = { done: Math.random(), total: 2, failed: 0 };
    const sql = 'update central.omnitenant_operation set progress = ?::jsonb where id = ?';
    await tenancy.central(() => tenancy.use(orm).execute(sql, [JSON.stringify(progress), body.id]));
    let more = '';
    for (let next = await reader?.read(); !next?.done; next = await reader?.read())
      more += Buffer.from(next?.value ?? '');
    expect(more).not.toContain('data:');
  }
  end();
  off();
  await ended(body.id);
});

/** A control plane whose operations end by `end`, and what it has reported. */
function endingBy(end: (write: () => Promise<boolean>) => Promise<boolean>, more: Partial<AdminOptions> = {}) {
  const { tenancy, orm } = site;
  const operations = orm.store.operations as NonNullable<typeof orm.store.operations>;
  const faulty = { ...operations, end: (...of: Parameters<typeof operations.end>) => end(() => operations.end(...of)) };
  const logged: string[] = [];
  const parts = { store: { ...orm.store, operations: faulty }, migrations: orm.migrations, stats: orm.stats };
  const authorize = () => ({ id: 'maria', permissions: ['operate'] }) as const;
  const admin = createAdmin({
    tenancy,
    orm: parts,
    authorize,
    onError: (error) => void logged.push(String(error)),
    ...more,
  });
  const begin = async (): Promise<string> => {
    const url = 'http://app.test/admin/api/v1/tenants/acme/migrate';
    const answer = await admin(
      new Request(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }),
    );
    expect(answer.status).toBe(202);
    return ((await answer.json()) as { id: string }).id;
  };
  return { begin, logged };
}

test('an operation whose success cannot be written is not recorded as failed', async () => {
  let writes = 0;
  const { begin, logged } = endingBy(() => Promise.reject(new Error(`write ${++writes}`)));
  await begin();
  await vi.waitFor(() => expect(logged).toEqual(['Error: write 1']));
});

test('an operation that ends while central is away has succeeded when central is back', async () => {
  let isAway = 2;
  const { begin, logged } = endingBy(async (write) => {
    if (isAway-- > 0) throw new TenancyError('STORE_UNAVAILABLE', 'Central is away.');
    return write();
  });
  expect(await ended(await begin())).toMatchObject({ status: 'succeeded' });
  expect(logged).toEqual([]);
});

test('one that ends while central is gone for good is reported, and tried no longer', async () => {
  const gone = () => Promise.reject(new TenancyError('STORE_UNAVAILABLE', 'Central is gone.'));
  const { begin, logged } = endingBy(gone, { leaseMs: 40 });
  await begin();
  await vi.waitFor(() => expect(logged).toEqual(['TenancyError: Central is gone.']));
});

test('operations are forgotten some days after they have ended, when another one ends', async () => {
  const { begin, logged } = endingBy((write) => write(), { keepOperationsDays: 2 });
  const first = await begin();
  await ended(first);
  const second = await begin();
  await ended(second);
  const age = (id: string, by: string) =>
    site.tenancy.central(() =>
      site.tenancy
        .use(site.orm)
        .execute(`update central.omnitenant_operation set ended_at = ended_at - interval '${by}' where id = '${id}'`),
    );
  await age(first, '49 hours');
  await age(second, '47 hours');
  await ended(await begin());
  await vi.waitFor(async () => expect((await site.ask('GET', `/operations/${first}`)).status).toBe(404));
  expect((await site.ask('GET', `/operations/${second}`)).status).toBe(200);
  expect(logged).toEqual([]);
});

test.each([
  ['a cursor of another list', 'GET', '/audit?after=acme', undefined],
  ['a cursor that is too large', 'GET', '/audit?after=99999999999999999999', undefined],
  ['a time that JavaScript cannot read', 'GET', '/audit?since=2026-01-01T00:00:00%2B05', undefined],
  ['a time that PostgreSQL cannot read', 'GET', '/audit?since=0000-01-01T00:00:00Z', undefined],
  ['a day that no month has', 'GET', '/usage?since=2026-02-31', undefined],
  ['a month that no year has', 'GET', '/usage?until=2026-13-45', undefined],
  ['a time after the last', 'POST', '/tenants/acme/archive', { retainUntil: '9999-12-31T23:59:59-10:00' }],
  ['U+0000 in a search', 'GET', '/tenants?search=%00', undefined],
  ['U+0000 in a pattern', 'GET', '/migrations/plan?tenants=%00', undefined],
  ['U+0000 in a reason', 'POST', '/tenants/acme/suspend', { reason: 'a\0' }],
  ['half a character in a pattern', 'POST', '/migrations/up', { tenants: ['\ud800'] }],
  ['U+0000 in a name of a setting', 'POST', '/tenants', { id: 'nul', config: { 'a\0': 1 } }],
  ['a column that is not its own', 'POST', '/tenants', { id: 'nul', columns: { status: 'active' } }],
])('%s is refused as input', async (_, method, path, body) => {
  const answer = await site.ask(method, path, { body });
  expect([answer.status, answer.body.code]).toEqual([422, 'INPUT_INVALID']);
});

test.each(['/operations/%00', '/tenants/%00', '/tenants/%ff'])('there is nothing at %s', async (path) => {
  expect((await site.ask('GET', path)).body.code).toMatch(/^(?:NOT_FOUND|TENANT_UNKNOWN)$/);
});

test('a path that does not take a method says which ones it takes', async () => {
  const answer = await site.ask('PUT', '/tenants');
  expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, POST']);
});

test.each(['', 'k'.repeat(256)])('the Idempotency-Key %j is refused', async (value) => {
  const answer = await site.ask('POST', '/tenants/acme/verify', { headers: key(value) });
  expect(answer.body.code).toBe('INPUT_INVALID');
});

test('a verb is refused for a tenant that is another one than its operator has seen', async () => {
  await site.tenancy.tenants.create({ id: 'elm' });
  const { etag } = (await site.ask('GET', '/tenants/elm')).body;
  await site.tenancy.tenants.remove('elm');
  await site.tenancy.tenants.create({ id: 'elm' });
  for (const [verb, body] of Object.entries({ remove: { confirm: 'elm' }, reset: { confirm: 'elm' }, migrate: {} })) {
    const refused = await site.ask('POST', `/tenants/elm/${verb}`, { body, headers: { 'if-match': etag } });
    expect([refused.status, refused.body.code]).toEqual([412, 'TENANT_CHANGED']);
  }
  const { etag: now } = (await site.ask('GET', '/tenants/elm')).body;
  const remove = { body: { confirm: 'elm' }, headers: { 'if-match': now, ...key('remove elm') } };
  const { body } = await site.ask('POST', '/tenants/elm/remove', remove);
  expect(await ended(body.id)).toMatchObject({ status: 'succeeded' });
  // Whoever has not had the answer sends the same again.
  expect((await site.ask('POST', '/tenants/elm/remove', remove)).body).toMatchObject({ id: body.id });
});

test('an import whose process has ended says to clear what it has left, as nothing finishes it', async () => {
  const { operations } = site.orm.store;
  const draft = { id: randomUUID(), verb: 'import', tenant: 'fir', actor: 'root', digest: '', holder: 'gone' };
  await operations?.begin(draft, 1);
  await vi.waitFor(async () => {
    const { error } = (await site.ask('GET', `/operations/${draft.id}`)).body;
    expect(error).toMatchObject({
      code: 'ABANDONED',
      message: expect.stringContaining('clear it, and import it again'),
    });
  });
});

test.each(['{"config":{"constructor":1}}', '{"config":{"a":{"__proto__":"x"}}}', '{"columns":{"prototype":1}}'])(
  'no setting is lost by its name: %s is refused',
  async (body) => {
    const { etag } = (await site.ask('GET', '/tenants/acme')).body;
    const asked = { body: JSON.parse(body), headers: { 'if-match': etag } };
    const answer = await site.ask('PATCH', '/tenants/acme', asked);
    expect([answer.status, answer.body.code]).toEqual([422, 'INPUT_INVALID']);
  },
);
