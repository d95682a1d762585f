import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { expect, test, vi } from 'vitest';
import { defineResource, type Placement } from '../extend.ts';
import { createTenancy, memoryStore } from '../index.ts';

/** Notes that archives have, and jobs and a cache that they do not have. */
function office({ leases = true } = {}) {
  const { leases: known, ...rest } = memoryStore();
  const store = leases && known ? { ...rest, leases: known } : rest;
  const notes = new Map<string, string>();
  const cached = new Map<string, string>();
  const jobs = new Set<string>();
  const steps: string[] = [];
  const failing = { step: '', hangs: false };
  const reached = Promise.withResolvers<void>();
  async function step(name: string): Promise<void> {
    steps.push(name);
    if (failing.step !== name) return;
    if (!failing.hangs) throw new Error(`${name} broke`);
    reached.resolve();
    await new Promise(() => {});
  }
  const resources = [
    defineResource({
      name: 'notes',
      open: () => undefined,
      checkImport: () => step('check'),
      place: () => ({ isolation: 'schema', placement: { server: 'default' } }),
      create: async ({ id }) => step('create').then(() => void notes.set(id, '')),
      destroy: async ({ id }) => step('destroy').then(() => void notes.delete(id)),
      migrate: () => step('migrate'),
      async *export({ id }) {
        yield { name: 'notes', bytes: Readable.from([Buffer.from(notes.get(id) ?? '')]) };
      },
      async *exportAnonymised() {
        yield { name: 'notes', bytes: Readable.from([Buffer.from('invented')]) };
      },
      async import({ id }, parts) {
        await step('import');
        for await (const { bytes } of parts) notes.set(id, (await buffer(bytes)).toString());
      },
    }),
    defineResource({
      name: 'jobs',
      open: () => undefined,
      create: async ({ id }) => void jobs.add(id),
      destroy: async ({ id }) => void jobs.delete(id),
    }),
    defineResource({
      name: 'cache',
      open: () => undefined,
      destroy: async ({ id }) => void cached.delete(id),
      restored: ({ id }) => step('restored').then(() => void cached.delete(id)),
    }),
  ];
  const tenancy = createTenancy({ store, resources });
  const kept: string[] = [];
  const keep = async (bytes: ReadableStream<Uint8Array>) => void kept.push((await buffer(bytes)).toString('base64'));
  const restore = (archive: Uint8Array, id = 'acme', by = tenancy.tenants) =>
    by.restore(id, () => Readable.from([archive]), keep);
  return { tenancy, ...{ store, resources, notes, cached, jobs, steps, failing, reached, kept, keep, restore } };
}

/** An office whose tenant acme had one note when it was archived, and has another since. */
async function changed(options?: { leases: boolean }) {
  const made = office(options);
  const { tenants } = made.tenancy;
  await tenants.create({ id: 'acme', name: 'Acme', domains: [{ host: 'acme.com' }] });
  made.notes.set('acme', 'first');
  const archive = await buffer(await tenants.export('acme'));
  await tenants.update('acme', { name: 'Acme Ltd', config: { plan: 'paid' } });
  made.notes.set('acme', 'since');
  made.cached.set('acme', 'since');
  made.steps.length = 0;
  return { ...made, archive, tenants };
}

test('a restored tenant has the data of the archive, its own record, and nothing cached of what it had', async () => {
  const { tenancy, tenants, archive, notes, cached, jobs, steps, kept, restore } = await changed();
  const before = await tenants.get('acme');
  const told: string[] = [];
  for (const name of ['restoring', 'restored'] as const)
    tenancy.signals.on(name, ({ tenant }) => void told.push(`${name} ${tenant.status}`));
  const restored = await restore(archive);
  expect(notes.get('acme')).toBe('first');
  expect(restored).toMatchObject({ name: 'Acme Ltd', config: { plan: 'paid' }, status: 'active' });
  expect(restored).toMatchObject({ createdAt: before.createdAt, placement: before.placement });
  expect(await tenants.domains('acme')).toMatchObject([{ host: 'acme.com' }]);
  expect([...cached.keys()]).toEqual([]);
  expect([...jobs]).toEqual(['acme']);
  expect(steps).toEqual(['check', 'destroy', 'create', 'import', 'migrate', 'restored']);
  expect(told).toEqual(['restoring active', 'restored active']);

  // What it had is what was handed over.
  await restore(Buffer.from(kept[0] ?? '', 'base64'));
  expect(notes.get('acme')).toBe('since');
});

test('a tenant that was closed stays under maintenance', async () => {
  const { tenants, archive, restore } = await changed();
  await tenants.suspend('acme');
  expect((await restore(archive)).status).toBe('maintenance');
  expect((await tenants.resume('acme')).placement).toEqual({ server: 'default' });
});

test('what is not an archive of the tenant changes nothing', async () => {
  const { tenants, archive, notes, steps, restore } = await changed();
  await tenants.create({ id: 'bloom' });
  steps.length = 0;
  await expect(restore(archive, 'bloom')).rejects.toMatchObject({ code: 'ARCHIVE_INVALID', tenant: 'bloom' });
  await expect(restore(Buffer.from('no archive'))).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' });
  await expect(restore(archive, 'nobody')).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });
  expect(steps).toEqual([]);
  expect(notes.get('acme')).toBe('since');
  expect((await tenants.get('acme')).status).toBe('active');
});

test('an archive of an earlier tenant of the id is refused, whose customer may have been another one', async () => {
  const { tenants, archive, notes, kept, restore } = await changed();
  const earlier = await tenants.get('acme');
  await tenants.remove('acme');
  await vi.waitUntil(() => Date.now() > earlier.createdAt.getTime(), { interval: 1 });
  await tenants.create({ id: 'acme' });
  notes.set('acme', 'of the next customer');
  const message = expect.stringContaining('an earlier tenant "acme"');
  await expect(restore(archive)).rejects.toMatchObject({ code: 'ARCHIVE_INVALID', tenant: 'acme', message });
  expect(notes.get('acme')).toBe('of the next customer');
  expect(kept).toEqual([]);
  expect((await tenants.get('acme')).status).toBe('active');
});

test('an archive that cannot be imported is refused before the tenant is closed', async () => {
  const { tenancy, tenants, archive, failing, kept, notes, restore } = await changed();
  const before = await tenants.get('acme');
  const tar = zstdDecompressSync(archive);
  const altered = tar.toString('latin1').replace('first', 'fists');
  for (const broken of [
    archive.subarray(0, archive.length / 2),
    zstdCompressSync(tar.subarray(0, tar.length - 2048)),
    zstdCompressSync(Buffer.from(altered, 'latin1')),
  ])
    await expect(restore(broken)).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' });
  failing.step = 'check';
  await expect(restore(archive)).rejects.toThrow('check broke');
  failing.step = '';
  expect(kept).toEqual([]);
  expect(await tenants.get('acme')).toEqual(before);
  expect(await tenancy.run('acme', () => notes.get('acme'))).toBe('since');
});

test('an anonymised archive is refused, whose values were invented', async () => {
  const { tenants, notes, kept, restore } = await changed();
  const anonymise = { record: () => ({}), resources: { notes: {} } };
  const bytes = await buffer(await tenants.export('acme', { anonymise }));
  const message = expect.stringContaining('anonymised');
  await expect(restore(bytes)).rejects.toMatchObject({ code: 'ARCHIVE_INVALID', tenant: 'acme', message });
  expect(notes.get('acme')).toBe('since');
  expect(kept).toEqual([]);
});

test('an archive that was overwritten by what the tenant had is not taken for it', async () => {
  const { tenancy, tenants, archive, notes, steps } = await changed();
  let file: Uint8Array = archive;
  const keep = async (bytes: ReadableStream<Uint8Array>) => {
    file = await buffer(bytes);
  };
  await expect(tenants.restore('acme', () => Readable.from([file]), keep)).rejects.toMatchObject({
    code: 'ARCHIVE_INVALID',
    message: expect.stringContaining('Nothing was replaced'),
  });
  expect(steps).toEqual(['check']);
  expect(await tenancy.run('acme', () => notes.get('acme'))).toBe('since');
});

test('what fails before anything is replaced leaves the tenant as it was', async () => {
  const { tenancy, tenants, archive, notes, steps } = await changed();
  const told: string[] = [];
  for (const name of ['maintained', 'resumed', 'restored'] as const)
    tenancy.signals.on(name, () => void told.push(name));
  const restore = (keep: (bytes: ReadableStream<Uint8Array>) => unknown) =>
    tenants.restore('acme', () => Readable.from([archive]), keep);
  const entered = () => tenancy.run('acme', () => notes.get('acme'));
  await expect(restore(() => Promise.reject(new Error('disk full')))).rejects.toThrow('disk full');
  expect(await entered()).toBe('since');
  await expect(restore(() => 'not read')).rejects.toMatchObject({ code: 'EXPORT_FAILED' });
  expect(await entered()).toBe('since');
  expect(told).toEqual(['maintained', 'resumed', 'maintained', 'resumed']);
  await restore(buffer);
  expect(told.slice(4)).toEqual(['maintained', 'restored', 'resumed']);
  expect(steps.filter((step) => step === 'destroy')).toHaveLength(1);

  await tenants.suspend('acme');
  await expect(restore(() => Promise.reject(new Error('disk full')))).rejects.toThrow('disk full');
  expect((await tenants.get('acme')).status).toBe('suspended');
});

test('nothing is replaced of a tenant that was changed meanwhile, and whoever changed it decides whether it is open', async () => {
  const { tenancy, tenants, archive, notes, steps } = await changed();
  const restore = (keep: (bytes: ReadableStream<Uint8Array>) => unknown) =>
    tenants.restore('acme', () => Readable.from([archive]), keep);
  const renames = async (bytes: ReadableStream<Uint8Array>) => {
    await buffer(bytes);
    await tenants.update('acme', { name: 'Another' });
  };
  await expect(restore(renames)).rejects.toMatchObject({ code: 'TENANT_CHANGED' });
  expect((await tenants.get('acme')).status).toBe('maintenance');
  const resumes = async (bytes: ReadableStream<Uint8Array>) => {
    await buffer(bytes);
    await tenants.resume('acme');
  };
  await expect(restore(resumes)).rejects.toMatchObject({ code: 'TENANT_CHANGED' });
  expect(steps).not.toContain('destroy');
  expect(await tenancy.run('acme', () => notes.get('acme'))).toBe('since');
  tenancy.signals.on('restoring', () => Promise.reject(new Error('not today')));
  await expect(restore(buffer)).rejects.toMatchObject({ code: 'VETOED' });
});

test.each(['destroy', 'create', 'import', 'migrate', 'restored'])(
  'a tenant whose restoration fails at %s is not opened without its data, and restored by the next attempt',
  async (step) => {
    const { tenancy, tenants, archive, failing, kept, restore } = await changed();
    failing.step = step;
    await expect(restore(archive)).rejects.toMatchObject({ code: 'PROVISION_FAILED', tenant: 'acme' });
    failing.step = '';
    const refused = { code: 'TRANSITION_REFUSED', message: expect.stringContaining('Restore it again') };
    await expect(tenants.resume('acme')).rejects.toMatchObject(refused);
    await expect(tenants.export('acme')).rejects.toMatchObject(refused);
    await expect(tenants.erase('acme', buffer)).rejects.toMatchObject(refused);
    for (const allowClosed of [false, true])
      await expect(tenancy.run('acme', () => 'in', { allowClosed })).rejects.toMatchObject({
        code: 'TENANT_MAINTENANCE',
      });
    // Nothing would lead out of that but a removal.
    await expect(tenants.archive('acme')).rejects.toMatchObject(refused);
    await restore(archive);
    expect(kept).toHaveLength(1);
  },
);

test('the next attempt restores it, and hands over nothing, because nothing whole is there', async () => {
  const { tenancy, tenants, archive, notes, failing, kept, restore } = await changed();
  failing.step = 'import';
  await expect(restore(archive)).rejects.toMatchObject({ code: 'PROVISION_FAILED' });
  failing.step = '';
  const { status, placement } = await restore(archive);
  expect({ status, placement }).toEqual({ status: 'maintenance', placement: { server: 'default' } });
  expect(kept).toHaveLength(1);
  await tenants.resume('acme');
  expect(await tenancy.run('acme', () => notes.get('acme'))).toBe('first');
});

test('a process that dies meanwhile leaves it closed, and another one restores it, or makes it empty', async () => {
  // Without leases, nothing says that another one is still at work.
  const { archive, notes, failing, reached, restore, store, resources } = await changed({ leases: false });
  Object.assign(failing, { step: 'import', hangs: true });
  void restore(archive);
  await reached.promise;
  failing.step = '';
  const elsewhere = createTenancy({ store: { ...store }, resources });
  const { tenants } = elsewhere;
  await expect(tenants.resume('acme')).rejects.toMatchObject({ code: 'TRANSITION_REFUSED' });
  await restore(archive, 'acme', tenants);
  await tenants.resume('acme');
  expect(await elsewhere.run('acme', () => notes.get('acme'))).toBe('first');
});

test('a reset makes it empty', async () => {
  const { tenants, archive, notes, failing, restore } = await changed();
  failing.step = 'import';
  await expect(restore(archive)).rejects.toMatchObject({ code: 'PROVISION_FAILED' });
  failing.step = '';
  const placement: Placement = { server: 'default' };
  expect(await tenants.reset('acme')).toMatchObject({ status: 'active', placement });
  expect((await tenants.get('acme')).placement).toEqual(placement);
  expect(notes.get('acme')).toBe('');
});
