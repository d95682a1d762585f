import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { packTar } from 'modern-tar';
import { describe, expect, test, vi } from 'vitest';
import { defineResource } from '../extend.ts';
import { createTenancy, memoryStore, type Tenancy } from '../index.ts';

/** A tenancy whose tenants each have notes. */
function notebook({ failsAt }: { readonly failsAt?: string } = {}) {
  const notes = new Map<string, string[]>();
  const read: string[] = [];
  const resource = defineResource({
    name: 'notes',
    open: () => undefined,
    create: async ({ id }) => void notes.set(id, []),
    destroy: async ({ id }) => void notes.delete(id),
    async *export({ id }) {
      for (const [n, note] of (notes.get(id) ?? []).entries()) {
        read.push(note);
        yield { name: `note-${n}`, bytes: Readable.from([Buffer.from(note)]) };
      }
    },
    async import({ id }, parts) {
      for await (const { bytes } of parts) {
        const note = (await buffer(bytes)).toString();
        if (note === failsAt) throw new Error('no room');
        notes.get(id)?.push(note);
      }
    },
  });
  const tenancy = createTenancy({ store: memoryStore(), resources: [resource], verbs: { waitMs: 0 } });
  return { tenancy, resource, notes, read };
}

async function filled() {
  const book = notebook();
  await book.tenancy.tenants.create({ id: 'acme', name: 'Acme Ltd', config: { plan: 'gold' }, domains: ['acme.com'] });
  await book.tenancy.tenants.create({ id: 'bloom' });
  book.notes.set('acme', ['first', 'second', '', 'x'.repeat(3_000_000)]);
  book.notes.set('bloom', ['canary-of-bloom']);
  return book;
}

async function archiveOf(tenancy: Tenancy, id = 'acme'): Promise<Buffer> {
  return buffer(await tenancy.tenants.export(id));
}

const from = (bytes: Uint8Array) => Readable.from([bytes]);

describe('an archive', () => {
  test('brings a tenant back as it was, in another application process too', async () => {
    const { tenancy } = await filled();
    const archive = await archiveOf(tenancy);
    const elsewhere = notebook();
    const tenant = await elsewhere.tenancy.tenants.import(from(archive));
    expect(tenant).toMatchObject({ id: 'acme', name: 'Acme Ltd', config: { plan: 'gold' }, status: 'active' });
    expect(await elsewhere.tenancy.tenants.domains('acme')).toMatchObject([{ host: 'acme.com' }]);
    expect(elsewhere.notes.get('acme')).toEqual(['first', 'second', '', 'x'.repeat(3_000_000)]);
  });

  test('is imported beside the tenant that it was made of, which keeps its domains', async () => {
    const { tenancy, notes } = await filled();
    await tenancy.tenants.import(from(await archiveOf(tenancy)), { as: 'acme-restored' });
    expect(notes.get('acme-restored')).toEqual(notes.get('acme'));
    expect(await tenancy.tenants.domains('acme-restored')).toEqual([]);
    expect(await tenancy.tenants.domains('acme')).toHaveLength(1);
    await expect(tenancy.tenants.import(from(await archiveOf(tenancy)))).rejects.toMatchObject({
      code: 'TENANT_EXISTS',
    });
  });

  test('of one tenant is not imported where that of another is expected', async () => {
    const { tenancy } = await filled();
    const archive = await archiveOf(tenancy);
    const refused = tenancy.tenants.import(from(archive), { of: 'bloom', as: 'bloom-back' });
    await expect(refused).rejects.toMatchObject({
      code: 'ARCHIVE_INVALID',
      message: expect.stringContaining('"acme"'),
    });
    expect(await tenancy.tenants.tryGet('bloom-back')).toBeUndefined();
    expect(await tenancy.tenants.import(from(archive), { of: 'acme', as: 'back' })).toMatchObject({ id: 'back' });
  });

  test('does not say where its tenant goes', async () => {
    const manifest = {
      format: 'omnitenant-archive',
      version: 1,
      resources: [],
      tenant: { id: 'acme', name: 'Acme', config: {}, dates: [], domains: [] },
    };
    const columns = { isolation: 'database', placement: { url: 'env:SECRET', schema: 'of_another' } };
    const tar = await tarOf([
      ['archive.json', { ...manifest, tenant: { ...manifest.tenant, columns } }],
      ['digests.json', { parts: [] }],
    ]);
    const { tenancy } = notebook();
    const tenant = await tenancy.tenants.import(from(zstdCompressSync(tar)));
    expect(tenant).toMatchObject({ isolation: 'none', placement: {} });
  });

  test('holds nothing of another tenant', async () => {
    const { tenancy } = await filled();
    expect(zstdDecompressSync(await archiveOf(tenancy)).includes('bloom')).toBe(false);
  });

  test('that is anonymised has the resources that rules are for, and of the record what they say', async () => {
    const secrets = notebook();
    const rules: unknown[] = [];
    const counted = defineResource({
      name: 'counted',
      open: () => undefined,
      async *exportAnonymised(_, given) {
        rules.push(given);
        yield { name: 'sum', bytes: Readable.from([Buffer.from('42')]) };
      },
      async import(_, parts) {
        for await (const { bytes } of parts) rules.push((await buffer(bytes)).toString());
      },
    });
    const resources = [secrets.resource, counted];
    const tenancy = createTenancy({ store: memoryStore(), resources });
    await tenancy.tenants.create({ id: 'acme', name: 'Acme Ltd', config: { plan: 'gold' }, domains: ['acme.com'] });
    secrets.notes.set('acme', ['a secret note']);
    const record = () => ({ config: { plan: 'none' } });
    const anonymise = { record, resources: { counted: 'rules' } };
    const archive = await buffer(await tenancy.tenants.export('acme', { anonymise }));
    const tar = zstdDecompressSync(archive).toString();
    for (const original of ['Acme', 'gold', 'acme.com', 'secret note']) expect(tar).not.toContain(original);
    const copy = await tenancy.tenants.import(from(archive), { as: 'copy' });
    expect(copy).toMatchObject({ name: 'acme', config: { plan: 'none' } });
    expect([rules, secrets.notes.get('copy')]).toEqual([['rules', '42'], []]);
    // A resource that cannot do it is not asked for what it has.
    const both = { record, resources: { counted: 'rules', notes: 'rules' } };
    await expect(tenancy.tenants.export('acme', { anonymise: both })).rejects.toThrow('"notes"');
    await expect(tenancy.tenants.export('acme', { anonymise: undefined } as never)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });

  test('is made of a closed tenant, and of none that was never complete', async () => {
    const { tenancy } = await filled();
    await tenancy.tenants.archive('acme');
    expect((await archiveOf(tenancy)).byteLength).toBeGreaterThan(0);
    await expect(tenancy.tenants.export('nobody')).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });
  });

  test('says with a signal what it is known by, and is vetoed by one', async () => {
    const { tenancy } = await filled();
    const exported = vi.fn();
    tenancy.signals.on('exported', exported);
    const { byteLength } = await archiveOf(tenancy);
    await vi.waitFor(() => expect(exported).toHaveBeenCalledOnce());
    expect(exported.mock.lastCall?.[0]).toMatchObject({ tenant: { id: 'acme' }, archive: { bytes: byteLength } });
    tenancy.signals.on('exporting', () => {
      throw new Error('not now');
    });
    await expect(tenancy.tenants.export('acme')).rejects.toMatchObject({ code: 'VETOED' });
  });

  test('keeps the tenant from being removed meanwhile, until it was read or given up', async () => {
    const { tenancy } = await filled();
    const stream = await tenancy.tenants.export('acme');
    const removal = tenancy.tenants.remove('acme');
    const reader = stream.getReader();
    expect((await reader.read()).done).toBe(false);
    await reader.cancel();
    await removal;
    expect(await tenancy.tenants.tryGet('acme')).toBeUndefined();
  });

  test('that a reader gives up is read no further', async () => {
    const { tenancy, read, notes } = await filled();
    // What does not compress does not fit into the stream's own buffers.
    notes.set(
      'acme',
      Array.from({ length: 40 }, () => randomBytes(500_000).toString('base64')),
    );
    await (await tenancy.tenants.export('acme')).cancel();
    const reader = (await tenancy.tenants.export('acme')).getReader();
    await reader.read();
    await reader.cancel();
    await tenancy.tenants.suspend('acme');
    await tenancy.tenants.migrate('acme');
    expect(read.length).toBeLessThan(40);
  });
});

describe('an archive that is broken', () => {
  const cases: readonly (readonly [string, (archive: Buffer) => Buffer])[] = [
    ['is cut off', (archive) => archive.subarray(0, archive.byteLength - 20)],
    ['is cut off in the middle', (archive) => archive.subarray(0, archive.byteLength / 2)],
    ['has a byte flipped', (archive) => flipped(archive)],
    ['is empty', () => Buffer.alloc(0)],
    ['is something else', () => Buffer.from('PK something else')],
    ['is encrypted', () => Buffer.from('age-encryption.org/v1\n')],
  ];

  test.each(cases)('because it %s leaves nothing behind', async (_, broken) => {
    const { tenancy } = await filled();
    const archive = broken(await archiveOf(tenancy));
    const { notes, tenancy: elsewhere } = notebook();
    const imported = elsewhere.tenants.import(from(archive));
    const error = (await imported.catch((failure: unknown) => failure)) as { code: string; cause?: { code: string } };
    expect([error.code, error.cause?.code]).toContain('ARCHIVE_INVALID');
    expect(notes.size).toBe(0);
    expect(await elsewhere.tenants.tryGet('acme')).toBeUndefined();
  });

  const manifest = (more: object = {}) => ({
    format: 'omnitenant-archive',
    version: 1,
    exportedAt: new Date().toISOString(),
    tenant: { id: 'acme', name: 'acme', isolation: 'none', config: {}, columns: {}, dates: [], domains: [] },
    resources: ['notes'],
    ...more,
  });
  const none = JSON.stringify({ parts: [] });

  test.each([
    [
      'a path that leads out of it',
      [
        ['archive.json', manifest()],
        ['../../etc/passwd', 'x'],
        ['digests.json', none],
      ],
    ],
    [
      'an absolute path',
      [
        ['archive.json', manifest()],
        ['/etc/passwd/000001', 'x'],
        ['digests.json', none],
      ],
    ],
    [
      'a path in a part',
      [
        ['archive.json', manifest()],
        ['notes/../x/000001', 'x'],
        ['digests.json', none],
      ],
    ],
    [
      'no digests',
      [
        ['archive.json', manifest()],
        ['notes/note-0/000001', 'x'],
      ],
    ],
    [
      'a part that has no digest',
      [
        ['archive.json', manifest()],
        ['notes/note-0/000001', 'x'],
        ['digests.json', none],
      ],
    ],
    [
      'a piece missing',
      [
        ['archive.json', manifest()],
        ['notes/note-0/000002', 'x'],
        ['digests.json', none],
      ],
    ],
    ['a manifest of another format', [['archive.json', manifest({ format: 'other' })]]],
    ['a version to come', [['archive.json', manifest({ version: 2 })]]],
    ['a resource of another application', [['archive.json', manifest({ resources: ['search'] })]]],
    ['a domain that is none', [['archive.json', manifest({ tenant: { ...manifest().tenant, domains: [null] } })]]],
    [
      'a date that is none',
      [
        ['archive.json', manifest({ tenant: { ...manifest().tenant, dates: ['paidAt'] } })],
        ['digests.json', none],
      ],
    ],
    [
      'digests that are none',
      [
        ['archive.json', manifest()],
        ['digests.json', 'null'],
      ],
    ],
    ['no manifest', [['notes/note-0/000001', 'x']]],
  ])('because it has %s leaves nothing behind', async (_, entries) => {
    const tar = await tarOf(entries as [string, unknown][]);
    const { notes, tenancy } = notebook();
    const imported = tenancy.tenants.import(from(zstdCompressSync(tar)));
    const error = (await imported.catch((failure: unknown) => failure)) as { code: string; cause?: { code: string } };
    expect([error.code, error.cause?.code]).toContain('ARCHIVE_INVALID');
    expect(notes.size).toBe(0);
    expect(await tenancy.tenants.tryGet('acme')).toBeUndefined();
  });

  test('is refused without its rest, which may never come', async () => {
    const { tenancy } = notebook();
    async function* stalling() {
      yield zstdCompressSync(await tarOf([['archive.json', manifest({ version: 2 })]]));
      await new Promise(() => {});
    }
    await expect(tenancy.tenants.import(stalling())).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' });
  });

  test('elsewhere, because reading it fails, says what failed', async () => {
    const { tenancy } = notebook();
    const failing = new Readable({ read: () => void failing.destroy(new Error('the bucket is gone')) });
    await expect(tenancy.tenants.import(failing)).rejects.toThrow('the bucket is gone');
  });
});

test('an import that a resource refuses is undone', async () => {
  const { tenancy } = await filled();
  const { notes, tenancy: elsewhere } = notebook({ failsAt: 'second' });
  await expect(elsewhere.tenants.import(from(await archiveOf(tenancy)))).rejects.toMatchObject({
    code: 'PROVISION_FAILED',
    cause: { message: 'no room' },
  });
  expect(notes.size).toBe(0);
});

test('an export that a resource cannot go on with fails where it is read, and frees the tenant', async () => {
  const tenancy = createTenancy({
    store: memoryStore(),
    resources: [
      defineResource({
        name: 'notes',
        open: () => undefined,
        async *export() {
          yield { name: 'first', bytes: Readable.from([Buffer.from('a note')]) };
          throw new Error('the disk is gone');
        },
      }),
    ],
  });
  await tenancy.tenants.create({ id: 'acme' });
  await expect(archiveOf(tenancy)).rejects.toMatchObject({ code: 'EXPORT_FAILED', tenant: 'acme' });
  await tenancy.tenants.remove('acme');
});

describe('a tenant that is erased', () => {
  test('is gone once its archive was kept, with a proof that has nothing else of it', async () => {
    const { tenancy, notes } = await filled();
    const erased = vi.fn();
    tenancy.signals.on('erased', erased);
    let kept = Buffer.alloc(0);
    const erasure = await tenancy.tenants.erase('acme', async (archive) => {
      expect((await tenancy.tenants.get('acme')).status).toBe('suspended');
      kept = await buffer(archive);
    });
    expect(await tenancy.tenants.tryGet('acme')).toBeUndefined();
    expect(erasure.archive.sha256).toBe(createHash('sha256').update(kept).digest('hex'));
    expect(erased.mock.lastCall).toEqual([{ tenant: { id: 'acme' }, erasure }]);
    expect(JSON.stringify(erasure)).not.toMatch(/Acme|gold|first|acme\.com/);
    await tenancy.tenants.import(from(kept), { as: 'returned' });
    expect(notes.get('returned')).toHaveLength(4);
  });

  test.each([
    ['fails', async () => Promise.reject(new Error('disk full'))],
    ['does not read it', async () => {}],
    [
      'reads a part of it',
      async (archive: ReadableStream) => {
        for await (const _ of archive) break;
      },
    ],
  ])('stays, closed, where keeping its archive %s', async (_, keep) => {
    const { tenancy, notes } = await filled();
    await expect(tenancy.tenants.erase('acme', keep)).rejects.toThrow();
    expect((await tenancy.tenants.get('acme')).status).toBe('suspended');
    expect(notes.get('acme')).toHaveLength(4);
    await tenancy.tenants.erase('acme', buffer);
    expect(await tenancy.tenants.tryGet('acme')).toBeUndefined();
  });
});

test('a tenant that is resumed while its archive is kept is not erased, and keeps what was written since', async () => {
  const { tenancy, notes } = await filled();
  const erased = tenancy.tenants.erase('acme', async (archive) => {
    await buffer(archive);
    await tenancy.tenants.resume('acme');
    await tenancy.run('acme', async () => notes.get('acme')?.push('written since'));
    await tenancy.tenants.suspend('acme');
  });
  await expect(erased).rejects.toMatchObject({ code: 'TENANT_CHANGED' });
  expect(notes.get('acme')).toContain('written since');
});

test('a tenant that is resumed when its archive is whole, before anything is removed, is not erased either', async () => {
  const { tenancy, notes } = await filled();
  tenancy.signals.on('removing', async () => {
    await tenancy.tenants.resume('acme');
    await tenancy.run('acme', async () => notes.get('acme')?.push('written since'));
    await tenancy.tenants.suspend('acme');
  });
  await expect(tenancy.tenants.erase('acme', buffer)).rejects.toMatchObject({ code: 'TENANT_CHANGED' });
  expect(notes.get('acme')).toContain('written since');
  expect(await tenancy.tenants.get('acme')).toMatchObject({ status: 'suspended' });
});

test('a mistyped option of an import is refused', async () => {
  const { tenancy } = await filled();
  const imported = tenancy.tenants.import(from(await archiveOf(tenancy)), { at: 'acme-2' } as never);
  await expect(imported).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});

/** One bit changed in the tar, where only the digests notice. */
function flipped(archive: Buffer): Buffer {
  const tar = zstdDecompressSync(archive);
  const at = tar.indexOf('xxxxx') + 1_000;
  tar.writeUInt8(tar.readUInt8(at) ^ 1, at);
  return zstdCompressSync(tar);
}

function tarOf(entries: readonly (readonly [string, unknown])[]): Promise<Uint8Array> {
  return packTar(
    entries.map(([name, content]) => {
      const data = Buffer.from(typeof content === 'string' ? content : JSON.stringify(content));
      return { header: { name, size: data.byteLength, type: 'file' as const }, data };
    }),
  );
}
