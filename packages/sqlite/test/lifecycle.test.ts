import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { createTenancy, memoryStore } from '@omnitenant/core';
import { resource } from '@omnitenant/core/extend';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CreateTasks, filesIn, openTasks, openTasksOrm, Project, Task, temporaryFolder } from './fixtures/tasks.ts';

const open = () => openTasks(onTestFinished);
const refused = (code: string) => expect.objectContaining({ code });

describe('a tenant', () => {
  test('is a file that its owner alone reads, named for its incarnation, and nothing is left of it', async () => {
    const { folder, tenancy } = await open();
    const { createdAt, isolation } = await tenancy.tenants.get('acme');
    expect(isolation).toBe('database');
    const name = `acme@${createdAt.getTime()}.sqlite`;
    expect(filesIn(folder)).toContain(name);
    expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    await tenancy.tenants.remove('acme');
    await tenancy.tenants.remove('bloom');
    expect(filesIn(folder)).toEqual([]);
  });

  test('that was created twice in a millisecond has two files, whatever the clock says', async () => {
    const { tenancy } = await open();
    const moments: number[] = [];
    for (let n = 0; n < 5; n += 1) {
      moments.push((await tenancy.tenants.create({ id: 'brief' })).createdAt.getTime());
      await tenancy.tenants.remove('brief');
    }
    expect(new Set(moments).size).toBe(5);
  });

  test('is seeded', async () => {
    const { orm, tenancy } = await openTasks(onTestFinished, {
      tenants: ['acme'],
      seed: (async (em: { insert(entity: unknown, row: object): Promise<unknown> }, { id }: { id: string }) => {
        await em.insert(Project, { name: `first of ${id}` });
      }) as never,
    });
    const names = await tenancy.run('acme', async () => (await orm.em.find(Project, {})).map(({ name }) => name));
    expect(names).toEqual(['inbox', 'first of acme']);
  });

  test('is found by another process that opens the folder, and what it stores is counted', async () => {
    const { folder, orm, tenancy } = await open();
    await tenancy.run('acme', () => orm.em.insert(Task, { title: 'a' }));
    await tenancy.close();
    const later = await openTasksOrm({ folder });
    const again = createTenancy({ resources: [later], usage: true });
    onTestFinished(() => again.close());
    expect(await again.run('acme', () => later.em.count(Task))).toBe(1);
    const used = await again.usage({ tenant: 'acme', storage: true });
    expect(used).toMatchObject([{ tenant: 'acme' }]);
    expect(used[0]?.storageBytes).toBeGreaterThan(4_096);
    expect((await again.health()).ready).toBe(true);
  });

  test('asks for a file of its own, or is refused', async () => {
    const { tenancy } = await open();
    await expect(tenancy.tenants.create({ id: 'cedar', isolation: 'schema' })).rejects.toEqual(
      refused('ISOLATION_UNKNOWN'),
    );
    await expect(tenancy.tenants.adopt({ id: 'cedar' })).rejects.toEqual(refused('TRANSITION_REFUSED'));
    expect(await tenancy.tenants.tryGet('cedar')).toBeUndefined();
  });

  test('is made again where its creation was cut short', async () => {
    const { folder, orm, tenancy } = await open();
    const { createdAt } = await orm.store.insert(
      { id: 'cedar', name: 'cedar', status: 'provisioning', isolation: 'database', placement: {}, config: {} },
      [],
    );
    writeFileSync(join(folder, `cedar@${createdAt.getTime()}.sqlite.new`), 'half');
    await tenancy.tenants.repair('cedar');
    expect(await tenancy.run('cedar', () => orm.em.count(Task))).toBe(0);
    expect(filesIn(folder).filter((name) => name.endsWith('.new'))).toEqual([]);
  });

  test('is reset to an empty file, also for whoever has the former one open', async () => {
    const { folder, orm, tenancy } = await open();
    const other = await openTasksOrm({ folder });
    const beside = createTenancy({ resources: [other] });
    onTestFinished(() => beside.close());
    await beside.run('acme', () => other.em.insert(Task, { title: 'before' }));
    await tenancy.tenants.reset('acme');
    expect(await tenancy.run('acme', () => orm.em.count(Task))).toBe(0);
    const acme = await tenancy.tenants.get('acme');
    expect(await beside.run(acme, () => other.em.count(Task))).toBe(0);
  });
});

describe('an archive', () => {
  test('has the file as it was at one moment, and is imported beside the tenant', async () => {
    const { orm, tenancy } = await open();
    await tenancy.run('acme', () => orm.em.insert(Task, { title: 'kept' }));
    const archive = await tenancy.tenants.export('acme');
    await tenancy.tenants.import(archive, { as: 'acme-before' });
    await tenancy.run('acme', () => orm.em.insert(Task, { title: 'later' }));
    const titles = (id: string) => tenancy.run(id, async () => (await orm.em.find(Task, {})).map(({ title }) => title));
    expect(await titles('acme-before')).toEqual(['kept']);
    expect(await titles('acme')).toEqual(['kept', 'later']);
    await tenancy.tenants.remove('acme-before');
    expect(await titles('acme')).toEqual(['kept', 'later']);
  });

  test('is refused by another application, and by older code', async () => {
    const { tenancy } = await open();
    const archive = await buffer(await tenancy.tenants.export('acme'));
    const folder = temporaryFolder(onTestFinished);
    const older = await openTasksOrm({ folder }, [CreateTasks]);
    const elsewhere = createTenancy({ resources: [older] });
    onTestFinished(() => elsewhere.close());
    await expect(elsewhere.tenants.import(Readable.from([archive]))).rejects.toMatchObject({
      code: 'PROVISION_FAILED',
      cause: { code: 'ARCHIVE_INVALID', message: expect.stringContaining('"AddInbox"') },
    });
    expect(filesIn(folder)).toEqual([]);
  });

  test('with a statement in the name of a vector index is refused, which libsql would run', async () => {
    const orm = await openTasksOrm({ folder: temporaryFolder(onTestFinished) }, undefined, 'libsql');
    const tenancy = createTenancy({ resources: [orm] });
    onTestFinished(() => tenancy.close());
    await tenancy.tenants.create({ id: 'acme' });
    await tenancy.run('acme', async () => {
      await orm.em.execute('create table place (id integer primary key, at f32_blob(2))');
      await orm.em.execute('create index "near_here" on place (libsql_vector_idx(at))');
    });
    const tar = zstdDecompressSync(await buffer(await tenancy.tenants.export('acme'))).toString('latin1');
    const imported = (text: string, as: string) =>
      tenancy.tenants.import(Readable.from([zstdCompressSync(Buffer.from(text, 'latin1'))]), { as });
    await imported(tar, 'whole');
    const broken = tar
      .replace('indexnear_hereplace', 'indexnear;hereplace')
      .replace('"near_here" on', '"near;here" on');
    await expect(imported(broken, 'broken')).rejects.toMatchObject({
      cause: { code: 'ARCHIVE_INVALID', message: expect.stringContaining('the name of an index') },
    });
  });

  test('that is no database of SQLite is refused, and leaves nothing', async () => {
    const { folder, orm, tenancy } = await open();
    const before = filesIn(folder);
    const verbs = orm[resource];
    const tenant = { ...(await tenancy.tenants.get('acme')), id: 'cedar' };
    async function* parts() {
      yield {
        name: 'database.sqlite',
        bytes: (async function* () {
          yield Buffer.from('SQLite format 3\0, and then nothing of the kind'.padEnd(8_192, '!'));
        })(),
      };
    }
    await verbs.create?.(tenant, { empty: true });
    await expect(verbs.import?.(tenant, parts())).rejects.toEqual(refused('ARCHIVE_INVALID'));
    await verbs.destroy?.(tenant);
    expect(filesIn(folder)).toEqual(before);
  });
});

describe('a configuration', () => {
  test('of another database, or with a misspelt option, is refused in a sentence', async () => {
    const { defineConfig } = await import('@mikro-orm/postgresql');
    const { createSqlite } = await import('@omnitenant/sqlite');
    const folder = temporaryFolder(onTestFinished);
    const other = createSqlite(defineConfig({ entities: [], discovery: { warnWhenNoEntities: false } }) as never, {
      folder,
    });
    await expect(other).rejects.toThrow('needs the driver of @mikro-orm/sqlite or @mikro-orm/libsql');
    await expect(openTasksOrm({ folder, busyTimeout: 5 } as never)).rejects.toEqual(refused('CONFIG_INVALID'));
    await expect(openTasksOrm({ folder, openFiles: 0 })).rejects.toEqual(refused('CONFIG_INVALID'));
    await expect(openTasksOrm({ folder: '' })).rejects.toEqual(refused('CONFIG_INVALID'));
  });
});

describe('a store of its own', () => {
  test('has the records of tenants in memory, and their files in the folder', async () => {
    const folder = temporaryFolder(onTestFinished);
    const store = memoryStore();
    const orm = await openTasksOrm({ folder, store });
    const tenancy = createTenancy({ store, resources: [orm] });
    onTestFinished(() => tenancy.close());
    await tenancy.tenants.create({ id: 'acme' });
    await tenancy.run('acme', () => orm.em.insert(Task, { title: 'a' }));
    expect(readdirSync(folder).some((name) => name.startsWith('central'))).toBe(false);
    expect(await orm.migrations.up()).toMatchObject({ total: 0, failed: [] });
  });
});

test('the file of central holds no row of a tenant', async () => {
  const { folder, orm, tenancy } = await open();
  await tenancy.run('acme', () => orm.em.insert(Task, { title: 'a very secret title' }));
  await tenancy.close();
  expect(readFileSync(join(folder, 'central.sqlite')).includes('a very secret title')).toBe(false);
});
