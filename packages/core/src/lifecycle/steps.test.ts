import { expect, test } from 'vitest';
import type { Tenant } from '../models/tenant.ts';
import type { ResourceVerbs } from '../resource.ts';
import { runSteps, storageSteps } from './steps.ts';

test('steps run in order; a failure undoes what was done, newest first, and not the step that failed', async () => {
  const events: string[] = [];
  const step = (name: string, fails = false) => ({
    name,
    run: async () => {
      events.push(name);
      if (fails) throw new Error(name);
    },
    undo: async () => events.push(`undo ${name}`),
  });
  const failure = await runSteps('acme', [
    step('one'),
    { ...step('two'), undo: undefined as never },
    step('three'),
    step('four', true),
    step('five'),
  ]);
  expect(failure).toMatchObject({ step: 'four', error: new Error('four'), undoErrors: [] });
  expect(events).toEqual(['one', 'two', 'three', 'four', 'undo three', 'undo one']);
});

test('an undo that fails does not keep the others from being tried', async () => {
  const undone: string[] = [];
  const step = (name: string, fails: boolean) => ({
    name,
    run: async () => undefined,
    undo: async () => {
      undone.push(name);
      if (fails) throw new Error(`undo ${name}`);
    },
  });
  const last = { name: 'last', run: () => Promise.reject(new Error('last')) };
  const failure = await runSteps('acme', [step('one', false), step('two', true), last]);
  expect(undone).toEqual(['two', 'one']);
  expect(failure?.undoErrors).toEqual([new Error('undo two')]);
});

test('storage is made by every create before any migrate', () => {
  const full = (name: string) => ({
    name,
    open: () => 1,
    create: async () => {},
    migrate: async () => {},
    destroy: async () => {},
  });
  const resources = [full('orm'), { name: 'clock', open: () => 1 }, full('files')];
  expect(storageSteps({ id: 'acme' } as Tenant, resources, { kind: 'create' }).map(({ name }) => name)).toEqual([
    'orm.create',
    'files.create',
    'orm.migrate',
    'files.migrate',
  ]);
});

test('what is adopted is not made, by a resource that can adopt', async () => {
  const called: unknown[] = [];
  const resource: ResourceVerbs = {
    name: 'orm',
    open: () => 1,
    create: async () => void called.push('create'),
    adopt: async (_, options) => void called.push(options),
  };
  const steps = storageSteps({ id: 'acme' } as Tenant, [resource], { kind: 'adopt', at: 'Migration2' });
  for (const step of steps) await step.run();
  expect(called).toEqual([{ at: 'Migration2' }]);
});

test('what create did is handed to migrate, and nothing where the storage was adopted', async () => {
  const handed: unknown[] = [];
  const verbs: Omit<ResourceVerbs, 'name'> = { open: () => 1, migrate: async (_, as) => void handed.push(as) };
  const resources: ResourceVerbs[] = [
    { ...verbs, name: 'whole', create: async () => 'migrated' },
    { ...verbs, name: 'silent', create: async () => {} },
    { ...verbs, name: 'none' },
    { ...verbs, name: 'adopts', adopt: async () => {}, create: async () => 'migrated' },
  ];
  for (const kind of ['create', 'adopt'] as const) {
    for (const step of storageSteps({ id: 'acme' } as Tenant, resources, { kind })) await step.run();
  }
  expect(handed).toEqual(['migrated', 'empty', undefined, 'migrated', 'migrated', 'empty', undefined, undefined]);
});
