import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { transform } from 'esbuild';
import { Client, escapeIdentifier } from 'pg';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { codeBlocks, type Module } from './code-blocks.ts';
import { linkDependencies } from './dependencies.ts';
import { ask } from './http-client.ts';
import { root } from './packages.ts';
import { type Running, runModules } from './run-modules.ts';
import { reaper } from './services/reaper.ts';
import { obtainable } from './services.ts';
import { type TestPostgresServer, testPostgresServer, testRedisServer } from './testing.ts';

const gettingStarted = 'docs/guide/getting-started.md';
const tutorial = 'docs/guide/tutorial.md';
const home = 'docs/index.md';
const quickstart = 'examples/quickstart/src/main.ts';
const documents = ['README.md', ...globSync(['docs/*.md', 'docs/guide/*.md', 'packages/*/README.md'], { cwd: root })]
  .filter((document) => ![home, gettingStarted, tutorial].includes(document) && modulesOf(document).length > 0)
  .toSorted();

// To start PGlite alone takes a busy machine half a minute.
const timeout = 300_000;

describe.skipIf(!(await obtainable('redis-server')))('the code of the documentation', { timeout }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'omnitenant-guides-'));
  const watched = reaper().watch(folder, 'SIGKILL');
  let postgres: TestPostgresServer;
  let redis: Awaited<ReturnType<typeof testRedisServer>>;

  beforeAll(async () => {
    linkDependencies(join(folder, 'node_modules'));
    [postgres, redis] = await Promise.all([testPostgresServer(), testRedisServer()]);
    await onServer((client) => client.query("create role app superuser login password 'secret'"));
  }, timeout);

  afterAll(async () => {
    await Promise.all([postgres?.stop(), redis?.stop()]);
    rmSync(folder, { recursive: true });
    watched.forget();
  });

  test.for(documents)('of %s runs', async (document) => {
    await using running = await run(document);
    await running.end();
  });

  test(`of ${home} is the README’s`, () => {
    const [readme, site] = ['README.md', home].map((document) => modulesOf(document).map(({ code }) => code.trim()));
    assert.deepEqual(site, readme);
  });

  test(`of ${quickstart} is the README’s`, () => {
    const [module] = modulesOf('README.md');
    assert.equal(
      readFileSync(join(root, quickstart), 'utf8'),
      module?.code.replace('export {};', '').trim().concat('\n'),
    );
  });

  test.each([
    { document: gettingStarted, frameworks: ['Express', 'Koa', 'Hono'] },
    { document: tutorial, frameworks: ['Express', 'Koa', 'Hono', 'Fastify', 'NestJS'] },
  ])('of $document answers as it says, in each framework', async ({ document, frameworks }) => {
    const questions = questionsIn(readFileSync(join(root, document), 'utf8'));
    assert.ok(questions.length > 2);
    await using running = await run(document);
    const ports = await running.ports;
    assert.equal(ports.length, frameworks.length);
    for (const { method, url, body, answer } of questions) {
      // What changes something is asked once, of the first.
      for (const port of method === 'GET' ? ports : ports.slice(0, 1)) {
        const { status, body: said } = await ask(port, [method, url], { body });
        assert.equal(answer === '404' ? `${status}` : JSON.stringify(said), answer, `${method} http://${url}`);
      }
    }
    await running.end();
  });

  /** Runs the modules of a document that no other one of it imports, with an empty database and this machine's services. */
  async function run(document: string): Promise<Running> {
    await onServer(async (client) => {
      const { rows } = await client.query<{ name: string }>(
        "select datname as name from pg_database where datname not in ('postgres', 'template0', 'template1')",
      );
      for (const { name } of rows) {
        await client.query(`alter database ${escapeIdentifier(name)} is_template false`);
        await client.query(`drop database ${escapeIdentifier(name)} with (force)`);
      }
      for (const name of ['app', 'app_test']) await client.query(`create database ${name}`);
    });
    const cwd = mkdtempSync(join(folder, 'run-'));
    writeFileSync(join(cwd, 'package.json'), '{ "type": "module" }');
    const modules = modulesOf(document);
    for (const { name, code } of modules) writeFileSync(join(cwd, name), await runnable(placed(code, cwd)));
    const begun = modules.filter(({ name }) => !modules.some(({ code }) => code.includes(`from './${name}'`)));
    return runModules(
      begun.map(({ name }) => join(cwd, name)),
      {
        cwd,
        options: ['--conditions=@omnitenant/source'],
        tests: begun.some(({ code }) => code.includes("from 'node:test'")),
        env: {
          ...process.env,
          DATABASE_URL: databaseUrl('app_test'),
          BLOOM_DATABASE_URL: databaseUrl('postgres'),
          OMNITENANT_KEYS: randomBytes(32).toString('base64url'),
        },
      },
    );
  }

  /** The code with the addresses of this machine's services for those that it says. */
  function placed(code: string, cwd: string): string {
    const server = new URL(postgres.url);
    const cache = new URL(redis.url);
    return code
      .replace(/'postgres:\/\/[^']*(?:localhost|internal)[^']*\/(\w+)'/g, (_, name) => `'${databaseUrl(name)}'`)
      .replace(/host: '\w+\.db\.internal'/g, `host: '${server.hostname}', port: ${server.port}`)
      .replaceAll("host: 'localhost', port: 6379", `host: '${cache.hostname}', port: ${cache.port}`)
      .replaceAll('redis://localhost:6379', redis.url)
      .replaceAll("'/var/lib/app'", `'${cwd}'`);
  }

  function databaseUrl(name: string): string {
    const url = new URL(postgres.url);
    url.username = 'app';
    url.password = 'secret';
    url.pathname = `/${name}`;
    return url.href;
  }

  async function onServer(work: (client: Client) => Promise<unknown>): Promise<void> {
    const client = new Client({ connectionString: postgres.url });
    await client.connect();
    try {
      await work(client);
    } finally {
      await client.end();
    }
  }
});

interface Question {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly body: object | undefined;
  readonly answer: string;
}

/** What a document asks with curl, and the answers that it gives in the comments. */
function questionsIn(markdown: string): Question[] {
  const lines = markdown.replaceAll(/\\\n */g, '').matchAll(/^curl (.*)http:\/\/([^/:]+):3000(\S+) +# (.+)$/gm);
  return [...lines].map(([, options = '', host = '', path = '', answer = '']) => {
    const json = /--json '([^']+)'/.exec(options)?.[1];
    const named = /Host: ([^']+)/.exec(options)?.[1] ?? host;
    return { method: json ? 'POST' : 'GET', url: `${named}${path}`, body: json && JSON.parse(json), answer };
  });
}

function modulesOf(document: string): Module[] {
  return codeBlocks(readFileSync(join(root, document), 'utf8')).filter(({ noRun }) => noRun === undefined);
}

/** What the oldest Node that is supported can run. */
async function runnable(code: string): Promise<string> {
  if (!/await using|^@\w/m.test(code)) return code;
  const tsconfigRaw = { compilerOptions: { experimentalDecorators: true } };
  return (await transform(code, { loader: 'ts', target: 'node22', tsconfigRaw })).code;
}
