import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTenancy } from '@omnitenant/core';
import { expect, onTestFinished, test, vi } from 'vitest';
import { filesIn, listOf, openTasks, openTasksOrm, Task } from './fixtures/tasks.ts';

const script = fileURLToPath(new URL('./fixtures/process.ts', import.meta.url));

function start(folder: string, action: string): ChildProcess {
  const child = spawn(process.execPath, ['--conditions=@omnitenant/source', script, folder, action], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** How a process has ended: its exit code, or the signal that killed it. */
async function ending(child: ChildProcess): Promise<unknown> {
  const [code, signal] = await once(child, 'exit');
  return code ?? signal;
}

const open = () => openTasks(onTestFinished, { busyTimeoutMs: 60_000 });

test('processes that write to one tenant at once wait for each other, and lose nothing', async () => {
  const { folder, orm, tenancy } = await open();
  const others = [start(folder, 'write'), start(folder, 'write')].map(ending);
  for (let n = 0; n < 50; n += 1) await tenancy.run('acme', () => orm.em.insert(Task, { title: `here ${n}` }));
  expect(await Promise.all(others)).toEqual([0, 0]);
  expect(await tenancy.run('acme', () => orm.em.count(Task))).toBe(150);
});

test('processes that create tenants at once share central', async () => {
  const { folder, tenancy } = await open();
  const others = [start(folder, 'create'), start(folder, 'create')].map(ending);
  for (let n = 0; n < 20; n += 1) await tenancy.tenants.create({ id: `here-${n}` });
  expect(await Promise.all(others)).toEqual([0, 0]);
  const tenants = await listOf(tenancy.tenants.all());
  expect(tenants.length).toBe(24);
  expect(new Set(tenants.map(({ createdAt }) => createdAt.getTime())).size).toBe(24);
});

test('a process that is killed in a transaction keeps nobody out, and has written nothing', async () => {
  const { folder, orm, tenancy } = await open();
  const child = start(folder, 'hold');
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  const writing = tenancy.run('acme', () => orm.em.insert(Task, { title: 'here' }));
  const ended = ending(child);
  child.kill('SIGKILL');
  expect(await ended).toBe('SIGKILL');
  await writing;
  expect(await tenancy.run('acme', async () => (await orm.em.find(Task, {})).map(({ title }) => title))).toEqual([
    'here',
  ]);
});

test('a creation that is killed between its steps is repaired', async () => {
  const { folder, orm, tenancy } = await open();
  expect(await ending(start(folder, 'die-creating'))).toBe('SIGKILL');
  expect((await tenancy.tenants.get('cedar')).status).toBe('provisioning');
  await vi.waitFor(() => tenancy.tenants.repair('cedar'), { timeout: 60_000 });
  expect(await tenancy.run('cedar', () => orm.em.count(Task))).toBe(0);
});

test('a removal that is killed between its steps is ended, and the id is free', async () => {
  const { folder, orm, tenancy } = await open();
  await tenancy.run('acme', () => orm.em.insert(Task, { title: 'secret' }));
  expect(await ending(start(folder, 'die-removing'))).toBe('SIGKILL');
  expect(filesIn(folder).some((name) => name.startsWith('acme') && name.endsWith('.sqlite'))).toBe(false);
  await vi.waitFor(() => tenancy.tenants.remove('acme'), { timeout: 60_000 });
  expect(filesIn(folder).filter((name) => name.startsWith('acme'))).toEqual([]);
  await tenancy.tenants.create({ id: 'acme' });
  expect(await tenancy.run('acme', () => orm.em.count(Task))).toBe(0);
});

test('a migration that is killed midway has done nothing, and is done by the next run', async () => {
  const { folder, orm, tenancy } = await open();
  expect(await ending(start(folder, 'die-migrating'))).toBe('SIGKILL');
  for (const id of ['acme', 'bloom']) {
    const half = tenancy.run(id, () => orm.em.execute(`select name from sqlite_schema where name = 'half_made'`));
    expect(await half).toEqual([]);
  }
  expect((await orm.migrations.verify()).well).toBe(2);
});

test('a file that a process has for itself alone is waited for, and refused in words, also to who reads', async () => {
  const { folder, orm, tenancy } = await openTasks(onTestFinished, { busyTimeoutMs: 20 });
  const acme = await tenancy.tenants.get('acme');
  const path = join(folder, `acme@${acme.createdAt.getTime()}.sqlite`);
  const hold = `pragma locking_mode = exclusive; begin immediate; insert into task (title) values ('alone'); commit`;
  const code = `new (require('node:sqlite').DatabaseSync)(${JSON.stringify(path)}).exec(${JSON.stringify(hold)}); console.log('held'); setInterval(() => {}, 1e6);`;
  const other = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => void other.kill('SIGKILL'));
  await once(other.stdout, 'data');
  const count = () => tenancy.run('acme', () => orm.em.count(Task));
  const read = () => tenancy.run('acme', () => orm.em.transactional((em) => em.count(Task), { readOnly: true }));
  for (const reading of [count, read]) await expect(reading()).rejects.toMatchObject({ code: 'CONNECTIONS_EXHAUSTED' });
  const ended = ending(other);
  other.kill('SIGKILL');
  await ended;
  for (const reading of [count, read]) expect(await reading()).toBe(1);
});

test('a tenant that another process removes or makes again is closed to who is at work in it, and nothing is lost unsaid', async () => {
  const { folder, orm, tenancy } = await open();
  const other = await openTasksOrm({ folder });
  const beside = createTenancy({ resources: [other] });
  onTestFinished(() => beside.close());
  await beside.run('acme', async () => {
    await other.em.insert(Task, { title: 'before' });
    await tenancy.tenants.reset('acme');
    await other.em.insert(Task, { title: 'after' });
  });
  expect(await tenancy.run('acme', async () => (await orm.em.find(Task, {})).map(({ title }) => title))).toEqual([
    'after',
  ]);
  await beside.run('acme', async () => {
    const late = other.em.transactional(async (em) => {
      await em.insert(Task, { title: 'late' });
      await tenancy.tenants.remove('acme');
    });
    await expect(late).rejects.toMatchObject({ code: 'STATEMENT_REFUSED' });
    await expect(other.em.find(Task, {})).rejects.toMatchObject({ code: 'TENANT_OUTDATED' });
    await expect(other.em.insert(Task, { title: 'later' })).rejects.toMatchObject({ code: 'TENANT_OUTDATED' });
  });
  expect(filesIn(folder).filter((name) => name.startsWith('acme'))).toEqual([]);
});
