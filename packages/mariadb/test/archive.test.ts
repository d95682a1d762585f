import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { isTenancyError } from '@omnitenant/core';
import { noMariadb } from '@omnitenant/tooling';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { EveryType, everyValue } from './fixtures/every-type.ts';
import { AddInbox, CreateTasks, Project, Task, type TasksApp, tasksOnMariadb } from './fixtures/tasks.ts';

const missing = await noMariadb();
const script = fileURLToPath(new URL('./fixtures/process.ts', import.meta.url));

async function bytesOf(archive: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* inPieces(bytes: Uint8Array, size = 1_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe.skipIf(missing)(`archives, on MariaDB ${missing ?? ''}`, async () => {
  if (missing) return;
  const mariadb = await tasksOnMariadb();
  const open = (options = {}) => mariadb.open(onTestFinished, { tenants: ['acme'], ...options });

  const all = { migrationsList: [CreateTasks, AddInbox, EveryType] };

  /** The databases of tenants, by the ids that they begin with. */
  async function databasesOf({ server }: TasksApp): Promise<Record<string, string>> {
    const stored = new Set(await mariadb.stored(server));
    return Object.fromEntries([...stored].map((name) => [name.slice(server.dbName.length + 1, -17), name]));
  }

  const exported = async ({ tenancy }: TasksApp, id = 'acme') => bytesOf(await tenancy.tenants.export(id));

  test('have each value of each type as it was, and all that the tables consist of', async () => {
    const app = await open(all);
    const { orm, tenancy } = app;
    const { acme = '' } = await databasesOf(app);
    await mariadb.query(`use \`${acme}\``, ...everyValue);
    await tenancy.run('acme', async () => {
      const project = orm.em.create(Project, { name: 'first' });
      orm.em.create(Task, { title: 'a', project: project as never });
      await orm.em.flush();
    });
    const tables = ['every_type', 'computed', 'person', 'team', 'no_key', 'log', 'project', 'task'];
    const sums = async (database: string) =>
      (
        await mariadb.query(
          "set session sql_mode = ''",
          `checksum table ${tables.map((name) => `\`${database}\`.${name}`).join(', ')} extended`,
        )
      ).map((row) => row['Checksum']);
    const archive = await exported(app);
    await tenancy.tenants.import(inPieces(archive), { as: 'copy' });
    const { copy = '' } = await databasesOf(app);
    expect(await sums(copy)).toEqual(await sums(acme));
    const rows = (database: string) =>
      mariadb.query(
        `use \`${database}\``,
        "set time_zone = '+00:00'",
        'select *, cast(c5 as double) as exact from every_type order by id',
      );
    expect(await rows(copy)).toEqual(await rows(acme));
    // The archive of the copy has the same rows, byte by byte.
    const parts = (bytes: Buffer) =>
      zstdDecompressSync(bytes)
        .toString('latin1')
        .match(/"name": "mariadb\/table[^}]*/g);
    expect(parts(await exported(app, 'copy'))).toEqual(parts(archive));

    await tenancy.run('copy', async () => {
      const one = async (sql: string) => Object.values((await orm.em.execute<object[]>(sql))[0] ?? {})[0];
      expect(await one('select count(*) from log')).toBe(2);
      await orm.em.execute('insert into every_type () values ()');
      expect(await one('select max(id) from every_type')).toBe(5);
      expect(Number(await one('select nextval(ticket)'))).toBe(105);
      expect(await one('select twice(id) from leads')).toBe(2);
      await orm.em.execute('insert into person (id, chief) values (3, 1)');
      expect(await one('select what from log order by id desc')).toBe('new 3');
      await expect(orm.em.execute('insert into person (id, chief) values (4, 99)')).rejects.toThrow('foreign key');
    });
  });

  test('are a clone under another id, or the tenant again after it was removed', async () => {
    const app = await open();
    const { orm, tenancy } = app;
    await tenancy.run('acme', () => orm.em.insert(Task, { title: 'of acme' }));
    await tenancy.tenants.import(await tenancy.tenants.export('acme'), { as: 'clone' });
    const archive = await exported(app);
    await tenancy.tenants.remove('acme');
    await tenancy.tenants.import(inPieces(archive));
    for (const id of ['acme', 'clone']) {
      expect(await tenancy.run(id, async () => (await orm.em.find(Task, {})).map(({ title }) => title))).toEqual([
        'of acme',
      ]);
      await tenancy.run(id, () => orm.em.insert(Task, { title: `later in ${id}` }));
    }
  });

  test('are of one moment, whatever is written meanwhile', async () => {
    const app = await open();
    const { orm, tenancy } = app;
    const many = Array.from({ length: 20_000 }, (_, n) => ({ title: `${n} ${'x'.repeat(100)}` }));
    await tenancy.run('acme', () => orm.em.insertMany(Task, many));
    const reading = (await tenancy.tenants.export('acme'))[Symbol.asyncIterator]();
    const first = (await reading.next()).value as Uint8Array;
    await tenancy.run('acme', () =>
      orm.em.transactional(async (em) => {
        await em.nativeDelete(Task, { title: { $like: '19999%' } });
        await em.insert(Project, { name: 'later' });
      }),
    );
    async function* rest() {
      yield first;
      for (let next = await reading.next(); !next.done; next = await reading.next()) yield next.value as Uint8Array;
    }
    await tenancy.tenants.import(inPieces(await bytesOf(rest())), { as: 'copy' });
    await tenancy.run('copy', async () => {
      expect(await orm.em.count(Task)).toBe(20_000);
      expect(await orm.em.count(Project, { name: 'later' })).toBe(0);
    });
  });

  test('that nobody reads to the end keep no connection and no snapshot', async () => {
    const app = await open();
    const { orm, tenancy } = app;
    // More than all buffers between the server and the reader take.
    const title = `concat(${Array.from({ length: 6 }, () => 'md5(rand())')})`;
    const fill = `insert into task (title) select ${title} from seq_1_to_300000`;
    await tenancy.run('acme', () => orm.em.execute(fill));
    const { acme = '' } = await databasesOf(app);
    const sessions = async () =>
      (await mariadb.query(`select id from information_schema.processlist where user = '${acme}'`)).map(({ id }) => id);
    const before = await sessions();
    const reader = (await tenancy.tenants.export('acme')).getReader();
    await reader.read();
    expect(orm.stats()).toMatchObject({ inUse: 1 });
    const [exporting] = (await sessions()).filter((id) => !before.includes(id)).concat(before);
    await reader.cancel();
    await vi.waitFor(() => expect(orm.stats()).toMatchObject({ inUse: 0 }));
    await vi.waitFor(async () => expect(await sessions()).not.toContain(exporting));
    await tenancy.tenants.remove('acme');
  });

  test('that are incomplete, altered, or of other code are refused, and leave nothing', async () => {
    const app = await open();
    const { orm, tenancy, server } = app;
    await tenancy.run('acme', () => orm.em.insert(Task, { title: 'of acme' }));
    const archive = await exported(app);
    const before = await mariadb.stored(server);
    const tar = zstdDecompressSync(archive);
    const altered = (from: string, to: string) =>
      zstdCompressSync(Buffer.from(tar.toString('latin1').replace(from, to), 'latin1'));
    const bad = {
      'cut off': archive.subarray(0, archive.length - 40),
      'without its digests': zstdCompressSync(tar.subarray(0, tar.indexOf('digests.json'))),
      'another row': altered('of acme"', 'of evil"'),
      'a row that refers to none': altered('"of acme",null', '"of acm","42"'),
      'a row that is none': altered('["1","of acme"', '["1","of acme'),
    };
    for (const [name, bytes] of Object.entries(bad)) {
      const error = await tenancy.tenants.import(inPieces(bytes), { as: 'copy' }).catch((reason: Error) => reason);
      // What cannot be read at all is refused before anything is made.
      expect(isTenancyError(error, 'PROVISION_FAILED') ? error.cause : error, name).toMatchObject({
        code: 'ARCHIVE_INVALID',
      });
      expect(await mariadb.stored(server), name).toEqual(before);
    }
    const older = await mariadb.open(onTestFinished, { tenants: [], migrationsList: [CreateTasks] });
    await expect(older.tenancy.tenants.import(inPieces(archive))).rejects.toMatchObject({
      cause: { code: 'ARCHIVE_INVALID', message: expect.stringContaining('"AddInbox", which this code does not have') },
    });
    const newer = await mariadb.open(onTestFinished, { tenants: [], ...all });
    await newer.tenancy.tenants.import(inPieces(archive));
    expect(await newer.tenancy.run('acme', () => newer.orm.em.execute('select * from log'))).toEqual([]);
  });

  test('replace what the tenant has, and are refused before it is closed where this code does not have their migrations', async () => {
    const app = await open();
    const { orm, tenancy, server } = app;
    const titles = ({ orm, tenancy }: TasksApp) =>
      tenancy.run('acme', async () => (await orm.em.find(Task, {})).map(({ title }) => title));
    await tenancy.run('acme', () => orm.em.insert(Task, { title: 'of then' }));
    const archive = await exported(app);
    await tenancy.run('acme', () => orm.em.nativeUpdate(Task, {}, { title: 'of now' }));

    const older = await mariadb.open(onTestFinished, { tenants: [], on: server, migrationsList: [CreateTasks] });
    let kept = 0;
    const keep = async (bytes: AsyncIterable<Uint8Array>) => {
      kept += (await bytesOf(bytes)).length;
    };
    await expect(older.tenancy.tenants.restore('acme', () => inPieces(archive), keep)).rejects.toMatchObject({
      code: 'ARCHIVE_INVALID',
      message: expect.stringContaining('"AddInbox", which this code does not have'),
    });
    expect(kept).toBe(0);
    expect((await tenancy.tenants.get('acme')).status).toBe('active');
    expect(await titles(app)).toEqual(['of now']);

    const { status } = await tenancy.tenants.restore('acme', () => inPieces(archive), keep);
    expect(status).toBe('active');
    expect(kept).toBeGreaterThan(0);
    expect(await titles(app)).toEqual(['of then']);
  });

  test('are refused for what an archive does not keep, by its name', async () => {
    const app = await open();
    const { orm, tenancy } = app;
    const send = (sql: string) => tenancy.run('acme', () => orm.em.execute(sql));
    await send('create table in_memory (id int) engine = memory');
    await expect(exported(app)).rejects.toMatchObject({
      code: 'ARCHIVE_REFUSED',
      message: expect.stringContaining('"in_memory"'),
    });
    await send('drop table in_memory');
    await send('create table history (id int primary key) with system versioning');
    await expect(exported(app)).rejects.toMatchObject({
      code: 'ARCHIVE_REFUSED',
      message: expect.stringContaining('"history"'),
    });
    await send('drop table history');
    await send('create view all_tasks as select * from task');
    const archive = await exported(app);
    await expect(tenancy.tenants.import(inPieces(archive), { as: 'copy' })).rejects.toMatchObject({
      cause: {
        code: 'ARCHIVE_INVALID',
        message: expect.stringContaining('"all_tasks"'),
      },
    });
  });

  test('whose import is killed in the middle leave a tenant that nobody enters, and that is cleared', async () => {
    const app = await open();
    const { orm, tenancy, server } = app;
    const many = Array.from({ length: 5_000 }, (_, n) => ({ title: `${n} ${randomBytes(100).toString('hex')}` }));
    await tenancy.run('acme', () => orm.em.insertMany(Task, many));
    const folder = mkdtempSync(join(tmpdir(), 'omnitenant-mariadb-test-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'acme.tar.zst');
    const archive = await exported(app);
    writeFileSync(file, archive);
    const before = await mariadb.stored(server);
    const child = spawn(
      process.execPath,
      ['--conditions=@omnitenant/source', script, JSON.stringify(server), 'import-half', file],
      { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, NODE_OPTIONS: '' } },
    );
    onTestFinished(() => void child.kill('SIGKILL'));
    const rowsThere = async () => {
      const { copy } = await databasesOf(app);
      const [row] = await mariadb.query(
        'set session transaction isolation level read uncommitted',
        `select count(*) as rows_there from \`${copy}\`.task`,
      );
      return Number(row?.['rows_there']);
    };
    await vi.waitFor(async () => expect(await rowsThere()).toBeGreaterThan(0), { timeout: 60_000, interval: 50 });
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    await expect(tenancy.run('copy', () => orm.em.count(Task))).rejects.toMatchObject({
      code: expect.stringMatching(/^TENANT_/),
    });
    await vi.waitFor(() => tenancy.tenants.repair('copy', { clear: true }), { timeout: 60_000, interval: 100 });
    expect(await mariadb.stored(server)).toEqual(before);
    await tenancy.tenants.import(inPieces(archive), { as: 'copy' });
    expect(await tenancy.run('copy', () => orm.em.count(Task))).toBe(5_000);
  });
});
