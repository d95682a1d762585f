import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { defineResource, type ResourceScope, type ResourceVerbs } from '../extend.ts';
import type { Tenant } from '../index.ts';
import { resourceSuite } from './resource-suite.ts';

type Values = Map<string, string>;

/** A resource in memory, with each tenant's values where `keyOf` says, and what is wrong with it. */
function values(
  keyOf: (scope: ResourceScope) => string,
  wrong: (all: Map<string, Values>) => Partial<ResourceVerbs<Values>> = () => ({}),
) {
  const all = new Map<string, Values>();
  const resource = defineResource<Values>({
    name: 'values',
    open(scope) {
      const key = keyOf(scope);
      const own = all.get(key) ?? new Map();
      all.set(key, own);
      return own;
    },
    async create() {},
    async destroy(tenant) {
      all.delete(keyOf({ kind: 'tenant', tenant }));
    },
    ...wrong(all),
  });
  return { all, resource };
}

function proper(scope: ResourceScope) {
  return scope.kind === 'central' ? 'central' : `${scope.tenant.id}@${scope.tenant.createdAt.getTime()}`;
}
function byId(scope: ResourceScope) {
  return scope.kind === 'central' ? 'central' : scope.tenant.id;
}

/** The promises that a resource does not keep. */
async function broken(make: () => ReturnType<typeof values>): Promise<string[]> {
  const runs: [string, () => Promise<void>][] = [];
  const collect = Object.assign((name: string, run: () => Promise<void>) => runs.push([name, run]), { skip: () => {} });
  resourceSuite<Values>({
    test: collect,
    createResource() {
      const { all, resource } = make();
      return {
        resource,
        write: (handle, name, value) => handle.set(name, value),
        read: (handle, name) => handle.get(name),
        stored: () => [...all].filter(([, { size }]) => size > 0).map(([key]) => key),
      };
    },
  });
  const failures: string[] = [];
  for (const [name, run] of runs) await run().catch(() => failures.push(name));
  return failures;
}

describe('resourceSuite', () => {
  test('finds nothing wrong with a resource that derives', async () => {
    expect(await broken(() => values(proper))).toEqual([]);
  });

  test('finds an archive that has what other tenants have, and none that has the tenant’s own', async () => {
    const archiving = (isOwn: (key: string, tenant: Tenant) => boolean) => () =>
      values(proper, (all) => ({
        async *export(tenant) {
          const own = [...all].filter(([key]) => isOwn(key, tenant)).flatMap(([, entries]) => [...entries]);
          yield { name: 'values', bytes: Readable.from([Buffer.from(JSON.stringify(own))]) };
        },
        async import(tenant, parts) {
          for await (const { bytes } of parts) {
            all.set(proper({ kind: 'tenant', tenant }), new Map(JSON.parse(await text(bytes)) as [string, string][]));
          }
        },
      }));
    const promises = [
      'a tenant that is exported is imported beside itself, with its data and nobody else’s',
      'a tenant that is restored in place has what is in its archive, and others keep what they have',
    ];
    expect(await broken(archiving((key, tenant) => key === proper({ kind: 'tenant', tenant })))).toEqual([]);
    expect(await broken(archiving(() => true))).toEqual(promises);
  });

  test('finds what is still remembered of data that was replaced', async () => {
    const remembering = () => values(proper, () => ({ restored: async () => {} }));
    expect(await broken(remembering)).toEqual([
      'a tenant that is restored in place has what is in its archive, and others keep what they have',
    ]);
  });

  test('finds that all tenants share their values', async () => {
    const found = await broken(() => values(() => 'everyone'));
    expect(found).toContain('what a tenant keeps is there in its later scopes, and in no other tenant');
    expect(found).toContain('central is apart from every tenant');
    expect(found).toContain('tenants come and go beside those at work');
  });

  test('finds a resource that switches to the tenant opened last', async () => {
    const switching = () =>
      values(proper, (all) => {
        let current: Values = new Map();
        const switched = {
          get: (name: string) => current.get(name),
          set: (name: string, value: string) => current.set(name, value),
        };
        return {
          open(scope) {
            current = all.get(proper(scope)) ?? new Map();
            all.set(proper(scope), current);
            return { ...switched } as Values;
          },
        };
      });
    const found = await broken(switching);
    expect(found).toContain('tenants that take turns at every step keep their own');
    expect(found).toContain('a scope in a scope is its own, and the outer one goes on as before');
    expect(found).toContain('a handle that is carried into another tenant never reaches what is there');
    expect(found).toContain('work that a scope leaves behind stays with its tenant, or is refused');
  });

  test('finds that central is the first tenant', async () => {
    const found = await broken(() => values((scope) => (scope.kind === 'central' ? 'acme' : byId(scope))));
    expect(found).toContain('central is apart from every tenant');
  });

  test('finds what is left of a removed tenant', async () => {
    const found = await broken(() => values(byId, () => ({ destroy: async () => {} })));
    expect(found).toContain('a tenant that is removed takes its data along, and no other tenant notices');
    expect(found).toContain('a tenant made anew under the id of a removed one has nothing of it');
    expect(found).toContain('a creation that fails leaves nothing, and can be tried again');
  });

  test('finds that a removed tenant reaches the one made anew under its id', async () => {
    const found = await broken(() =>
      values(byId, (all) => ({
        open: (scope) =>
          ({
            get: (name: string) => all.get(byId(scope))?.get(name),
            set(name: string, value: string) {
              const own = all.get(byId(scope)) ?? new Map();
              all.set(byId(scope), own.set(name, value));
            },
          }) as Values,
      })),
    );
    expect(found).toEqual([
      'a scope that outlives its tenant does not reach the one made anew under its id',
      'storage that is destroyed again does not take along that of the tenant made anew under the id',
    ]);
  });

  test('finds that removing a tenant removes those whose ids begin alike', async () => {
    const byPrefix = (all: Map<string, Values>) => ({
      async destroy({ id }: Tenant) {
        for (const key of all.keys()) if (key.startsWith(id)) all.delete(key);
      },
    });
    const found = await broken(() => values(proper, byPrefix));
    expect(found).toContain('a tenant whose id begins with that of a removed one keeps its data');
  });

  test('finds that storage which is gone cannot be destroyed again', async () => {
    const once = (all: Map<string, Values>) => ({
      async destroy(tenant: Tenant) {
        if (!all.delete(proper({ kind: 'tenant', tenant }))) throw new Error('There is nothing.');
      },
    });
    const found = await broken(() => values(proper, once));
    expect(found).toContain('storage that is gone already can be destroyed again');
  });

  test('finds that a changed tenant loses what it had', async () => {
    const forgetting = (all: Map<string, Values>) => ({
      changed(id: string) {
        for (const key of all.keys()) if (key.startsWith(`${id}@`)) all.delete(key);
      },
    });
    const found = await broken(() => values(proper, forgetting));
    expect(found).toEqual(['a tenant keeps what it has when it is migrated, changed, suspended and resumed']);
  });

  test('skips a promise by its name, and none that there is not', () => {
    const skipped: string[] = [];
    const collect = Object.assign(() => {}, { skip: (name: string) => skipped.push(name) });
    const options = {
      test: collect,
      createResource: () => ({ ...values(proper), write: () => {}, read: () => undefined }),
    };
    resourceSuite({ ...options, skip: [{ test: 'central is apart from every tenant', reason: 'there is none' }] });
    expect(skipped).toEqual(['central is apart from every tenant (there is none)']);
    expect(() => resourceSuite({ ...options, skip: [{ test: 'nothing', reason: '' }] })).toThrow('no test "nothing"');
  });
});
