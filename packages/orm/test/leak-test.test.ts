import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { defineEntity, p } from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';
import { defineConfig } from '@mikro-orm/postgresql';
import { bindScope, createTenancy, fromHeader, isTenancyError, type Tenancy } from '@omnitenant/core';
import { plainDatabase } from '@omnitenant/tooling';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { createOrm, type Orm } from '../src/orm.ts';
import { expectNoLeak, type LeakTest } from '../src/testing/leak-test.ts';

class Note {
  declare id: number;
  declare text: string;
  declare more: object;
}
const NoteSchema = defineEntity({
  class: Note,
  properties: { id: p.integer().primary(), text: p.string(), more: p.json<object>() },
});
class CreateNotes extends Migration {
  override up(): void {
    this.addSql('create table note (id serial primary key, text text not null, more jsonb not null)');
  }
}

const tenants = ['acme', 'acme-2', 'bloom'];
let orm: Orm;
let tenancy: Tenancy;
const close: (() => Promise<void>)[] = [];

beforeAll(async () => {
  const database = await plainDatabase();
  const migrations = { migrationsList: [CreateNotes] };
  orm = await createOrm(defineConfig({ clientUrl: database.url, entities: [NoteSchema], migrations }));
  tenancy = createTenancy({ resources: [orm], resolver: fromHeader('x-tenant') });
  close.push(tenancy.close, database.drop);
  await tenancy.migrateCentral();
  for (const [n, id] of tenants.entries()) {
    await tenancy.tenants.create({ id, isolation: n === 1 ? 'row' : 'schema' });
    close.unshift(() => tenancy.tenants.remove(id));
  }
});
afterAll(async () => {
  for (const undo of close) await undo();
});

/** What an application might get wrong: called in the tenant's scope with the texts of its notes. */
type Mistake = (texts: readonly string[]) => unknown;

/** An application that lists and adds notes, keeps jobs, log lines and a cache, and makes a mistake on the way. */
function notesApp(mistake: Mistake = () => undefined) {
  const kept = { jobs: [] as object[], log: [] as string[], cache: new Map<string, unknown>() };
  async function answer(request: Request): Promise<Response> {
    const { id } = tenancy.current();
    const path = new URL(request.url).pathname;
    if (path !== '/notes') return new Response('not found', { status: 404 });
    if (request.method === 'POST') await orm.em.insert(Note, { text: await request.text(), more: {} });
    const texts = (await orm.em.find(Note, {}, { orderBy: { id: 1 } })).map((note) => note.text);
    kept.jobs.push({ tenant: id, texts });
    kept.log.push(`${id} listed ${texts}`);
    kept.cache.set(`${id}:notes`, texts);
    const wrong = await mistake(texts);
    return wrong instanceof Response ? wrong : Response.json(texts);
  }
  const fetch = (request: Request): Promise<Response> =>
    tenancy
      .enter(
        { host: undefined, path: '/', header: (name) => request.headers.get(name) ?? undefined, raw: request },
        () => answer(request),
      )
      .catch((error) => (isTenancyError(error) ? error.getResponse() : new Response('', { status: 500 })));
  return { fetch, ...kept };
}

/** The test that a user of that application would write. */
function notesTest(app: ReturnType<typeof notesApp>, more: Partial<LeakTest> = {}): LeakTest {
  const headers = (tenant: string) => ({ 'x-tenant': tenant });
  return {
    tenancy,
    orm,
    tenants,
    seed: (canary) => orm.em.insert(Note, { text: canary('text'), more: { deep: [canary('more')] } }),
    app,
    requests: {
      'list notes': (tenant) => new Request('http://app.com/notes', { headers: headers(tenant) }),
      'add a note': (tenant, canary) =>
        new Request('http://app.com/notes', { method: 'POST', body: canary('posted'), headers: headers(tenant) }),
    },
    functions: { 'count notes': async () => (await orm.em.findAll(Note, {})).map((note) => note.more).concat([{}]) },
    probes: [{ name: 'cache', read: (tenant) => app.cache.get(`${tenant}:notes`) }],
    sinks: { jobs: () => app.jobs, log: () => app.log, keys: () => app.cache },
    ...more,
  };
}

function finds(leak: Promise<void>, ...patterns: RegExp[]) {
  return assert.rejects(leak, (error: Error) => {
    assert.ok(error instanceof assert.AssertionError, String(error));
    for (const pattern of patterns) assert.match(error.message, pattern);
    return true;
  });
}

/** A task queue of the whole process, as p-queue, fastq and bottleneck are: a task begins where another one has ended. */
function taskQueue(concurrency: number) {
  const waiting: (() => Promise<void>)[] = [];
  let running = 0;
  async function work(): Promise<void> {
    running += 1;
    for (let task = waiting.shift(); task; task = waiting.shift()) await task();
    running -= 1;
  }
  return <Result>(task: () => Promise<Result>): Promise<Result> =>
    new Promise((resolve, reject) => {
      waiting.push(() => task().then(resolve, reject));
      if (running < concurrency) void work();
    });
}

const memo: { texts?: readonly string[] | undefined; current?: string | undefined } = {};
const belongs = /A tenant's data is where it does not belong\.\n\n {2}whose/;

describe('on a clean application a leak test passes', () => {
  test('asked by a fetch handler', () => expectNoLeak(notesTest(notesApp())));
  test('asked by its fetch function alone', async () => {
    const app = notesApp();
    await expectNoLeak({ ...notesTest(app), app: app.fetch });
  });

  test('asked over HTTP, and its connections are closed', async () => {
    const app = notesApp();
    const server = createServer(async (request, response) => {
      const { method = 'GET', url } = request;
      const body = method === 'GET' ? null : await text(request);
      const headers = { 'x-tenant': String(request.headers['x-tenant']) };
      assert.equal(request.headers.host, 'app.com');
      const answer = await app.fetch(new Request(`http://app.com${url}`, { method, headers, body }));
      response.writeHead(answer.status, [...answer.headers].flat()).end(await answer.text());
    });
    await expectNoLeak({ ...notesTest(app), app: server });
  });
});

describe('a leak test finds', () => {
  test('an answer that is memoised, and says whose, where, when and with what around it', async () => {
    memo.texts = undefined;
    const app = notesApp((texts) => {
      memo.texts ??= texts;
      return Response.json(memo.texts);
    });
    await finds(
      expectNoLeak(notesTest(app)),
      belongs,
      / {2}whose {4}'acme': its canary "text" \(canary\w{10}\), made by its seed\n/,
      / {2}found {4}in the body of the answer \(200\) to "list notes", which is of 'acme-2'\n/,
      / {2}during {3}"list notes" as 'acme-2', by itself\n/,
      / {2}excerpt {2}.*"canary\w+"/,
    );
  });

  test('a header', async () => {
    memo.texts = undefined;
    const app = notesApp((texts) => {
      const before = memo.texts ?? [];
      memo.texts = texts;
      return Response.json(texts, { headers: { 'x-before': before.join() } });
    });
    await finds(expectNoLeak(notesTest(app)), belongs, /the headers of the answer \(200\) to "list notes"/);
  });

  test('what is encoded in an answer', async () => {
    memo.texts = undefined;
    const app = notesApp((texts) => {
      memo.texts ??= texts;
      return Response.json({ texts, next: Buffer.from(JSON.stringify(memo.texts)).toString('base64url') });
    });
    await finds(expectNoLeak(notesTest(app)), belongs, /the body of the answer \(200\) to "list notes"/);
  });

  test('a row that is copied', async () => {
    memo.texts = undefined;
    const app = notesApp(async (texts) => {
      memo.texts ??= texts;
      await orm.em.insert(Note, { text: 'copied', more: { copied: memo.texts } });
    });
    const leak = expectNoLeak(notesTest(app));
    await finds(
      leak,
      belongs,
      /in the table "note", which is of 'acme-2'/,
      /during {3}"list notes" as 'acme-2', by itself/,
    );
    for (const id of tenants) await tenancy.run(id, () => orm.em.nativeDelete(Note, {}));
  });

  test('a cache key without a tenant, by reading it and by the entries', async () => {
    const app = notesApp((texts) => void app.cache.set('notes', texts));
    const cache = [{ name: 'cache', read: () => app.cache.get('notes') }];
    await finds(expectNoLeak(notesTest(app, { probes: cache })), belongs, /in the probe "cache", which is of '/);
    await finds(
      expectNoLeak(notesTest(app, { probes: [] })),
      belongs,
      /a line of the sink "keys", which names no tenant/,
    );
  });

  test("a job with another tenant's data, which only happens where requests overlap", async () => {
    const app = notesApp(async (texts) => {
      memo.current = tenancy.current().id;
      await orm.em.count(Note);
      app.jobs.push({ tenant: memo.current, texts });
    });
    await finds(
      expectNoLeak(notesTest(app)),
      belongs,
      /a line of the sink "jobs", which is of '/,
      /during {3}everything interleaved in round 2/,
    );
  });

  test.each([1, 4])(
    'a task that a shared queue of %i at once runs in the scope of another tenant',
    async (concurrency) => {
      const enqueue = taskQueue(concurrency);
      async function list() {
        return enqueue(async () => (await orm.em.find(Note, {})).map((note) => note.text));
      }
      const queued = notesTest(notesApp(), {
        tenants: ['acme', 'bloom'],
        functions: { list },
        requests: {},
        probes: [],
        sinks: {},
      });
      await finds(
        expectNoLeak(queued),
        belongs,
        /the result of "list", which is of '/,
        /"list" as '.*', (?:interleaved in round|in a crowd)/,
      );
    },
  );

  test.each([1, 4])(
    'nothing where what a shared queue of %i at once is given was bound to its scope',
    async (concurrency) => {
      const enqueue = taskQueue(concurrency);
      async function list() {
        const inScope = bindScope();
        return enqueue(() => inScope(async () => (await orm.em.find(Note, {})).map((note) => note.text)));
      }
      await expectNoLeak(
        notesTest(notesApp(), { tenants: ['acme', 'bloom'], functions: { list }, requests: {}, probes: [], sinks: {} }),
      );
    },
  );

  test('a log line', async () => {
    memo.texts = undefined;
    const app = notesApp((texts) => {
      app.log.push(`${tenancy.current().id} came after ${memo.texts}`);
      memo.texts = texts;
    });
    await finds(expectNoLeak(notesTest(app)), belongs, /a line of the sink "log"/);
  });

  test('a result, and an error, of a function', async () => {
    memo.texts = undefined;
    async function remember() {
      memo.texts ??= (await orm.em.find(Note, {})).map((note) => note.text);
      return memo.texts;
    }
    await finds(expectNoLeak(notesTest(notesApp(), { functions: { remember } })), /the result of "remember"/);
    memo.texts = undefined;
    async function fail() {
      throw new Error(`not found: ${await remember()}`);
    }
    await finds(expectNoLeak(notesTest(notesApp(), { functions: { fail } })), /the error of "fail"/);
  });
});

describe('a leak test fails', () => {
  test('where an answer, a probe or a sink never shows anything', async () => {
    const requests = { nothing: () => new Request('http://app.com/nothing', { headers: { 'x-tenant': 'acme' } }) };
    await finds(
      expectNoLeak(notesTest(notesApp(), { requests, probes: [{ name: 'files', read: () => [] }] })),
      /The leak test is blind/,
      /"nothing" as 'bloom' was answered 404 and nothing else/,
      /the answers showed no canary of 'acme', 'acme-2', 'bloom'/,
      /the probe "files" showed no canary of 'acme'/,
      /the sink "jobs" showed no canary/,
    );
  });

  test('where a canary is seen nowhere', async () => {
    const functions = { forget: (_: string, canary: (name: string) => string) => void canary('forgotten') };
    await finds(
      expectNoLeak(notesTest(notesApp(), { functions })),
      /"forgotten" of 'acme', made by "forget" by itself, was seen nowhere/,
    );
  });

  test('where the application does', async () => {
    const app = notesApp(() => new Response('', { status: 503 }));
    await finds(
      expectNoLeak(notesTest(app)),
      /The application failed/,
      /"list notes" as 'acme': Error: the answer has the status 503/,
    );
  });

  test('with one tenant, with nothing to do, and without an app', async () => {
    const app = notesApp();
    await finds(expectNoLeak(notesTest(app, { tenants: ['acme'] })), /two tenants or more/);
    await finds(expectNoLeak(notesTest(app, { requests: {}, functions: {} })), /needs requests or functions/);
    const { app: _, ...without } = notesTest(app);
    await finds(expectNoLeak(without), /needs an app/);
  });
});
