import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTenancy, memoryStore, type Tenancy } from '@omnitenant/core';
import { resourceSuite } from '@omnitenant/core/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Objects, objectStorage } from '../src/object-storage.ts';

describe('object storage', () => {
  resourceSuite({
    test,
    async createResource() {
      const root = await mkdtemp(join(tmpdir(), 'objects-'));
      return {
        resource: objectStorage(root),
        write: (objects, name, value) => objects.put(name, value),
        read: async (objects, name) => (await objects.get(name))?.toString(),
        stored: () => readdir(root, { recursive: true }),
        close: () => rm(root, { recursive: true }),
      };
    },
  });
});

describe('a tenant of object storage', () => {
  let outside: string;
  let root: string;
  beforeEach(async () => {
    outside = await mkdtemp(join(tmpdir(), 'objects-'));
    root = join(outside, 'root');
  });
  afterEach(() => rm(outside, { recursive: true }));

  /** Runs `check` in `acme`, with its folder; the tenant `beta` is there as well. */
  async function inAcme(check: (objects: Objects, folder: string, tenancy: Tenancy) => Promise<void>): Promise<void> {
    const storage = objectStorage(root);
    await using tenancy = createTenancy({ store: memoryStore(), resources: [storage] });
    for (const id of ['acme', 'beta']) await tenancy.tenants.create({ id });
    await tenancy.run('beta', () => tenancy.use(storage).put('secret', 'of beta'));
    const folder = (await readdir(root)).find((name) => name.startsWith('acme@')) ?? '';
    await tenancy.run('acme', () => check(tenancy.use(storage), join(root, folder), tenancy));
    expect(String(await tenancy.run('beta', () => tenancy.use(storage).get('secret')))).toBe('of beta');
  }

  test.each([
    '../secret',
    '../../secret',
    '/etc/passwd',
    '..',
    '.',
    '',
    'a/b/c',
    'a\\b',
    'a\0b',
    '%2e%2e/x',
    'CON',
    'é',
  ])('stays in its folder under the name %j', (name) =>
    inAcme(async (objects, folder) => {
      const before = await readdir(outside, { recursive: true });
      await objects.put(name, 'of acme');
      expect(String(await objects.get(name))).toBe('of acme');
      expect(await objects.list()).toEqual([name]);
      const [added = '', ...more] = (await readdir(outside, { recursive: true })).filter(
        (file) => !before.includes(file),
      );
      expect([join(outside, added).startsWith(`${folder}/`), more]).toEqual([true, []]);
      await objects.delete(name);
      expect(await readdir(outside, { recursive: true })).toEqual(before);
    }),
  );

  test('tells names apart that a file system may not', () =>
    inAcme(async (objects) => {
      const names = ['A', 'a', 'a.', 'a ', '\u00e9', 'e\u0301'];
      for (const name of names) await objects.put(name, name);
      for (const name of names) expect(String(await objects.get(name))).toBe(name);
      expect(await objects.list('a')).toEqual(['a', 'a ', 'a.']);
      await expect(objects.put('x'.repeat(121), '')).rejects.toThrow(RangeError);
      await expect(objects.put('\ud800', '')).rejects.toThrow(RangeError);
    }));

  test('neither reads nor writes through a link in the place of an object', () =>
    inAcme(async (objects, folder) => {
      const target = join(outside, 'target');
      await writeFile(target, 'not yours');
      await objects.put('a', '');
      const file = join(folder, (await readdir(folder))[0] ?? '');
      await rm(file);
      await symlink(target, file);
      await expect(objects.get('a')).rejects.toThrow(/ELOOP/);
      await objects.put('a', 'of acme');
      expect((await lstat(file)).isSymbolicLink()).toBe(false);
      expect(await readFile(target, 'utf8')).toBe('not yours');
    }));

  test('does not follow a link in the place of its folder, nor when it is removed', () =>
    inAcme(async (objects, folder, tenancy) => {
      const target = join(outside, 'target');
      await mkdir(target);
      await writeFile(join(target, 'kept'), '');
      await rm(folder, { recursive: true });
      await symlink(target, folder);
      for (const use of [
        () => objects.put('a', ''),
        () => objects.get('a'),
        () => objects.list(),
        () => objects.delete('a'),
      ]) {
        await expect(use()).rejects.toThrow('no link');
      }
      await tenancy.tenants.remove('acme');
      expect(await readdir(root)).toEqual([expect.stringMatching(/^beta@/)]);
      expect(await readdir(target)).toEqual(['kept']);
    }));
});
