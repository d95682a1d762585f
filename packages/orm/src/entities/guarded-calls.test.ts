import { defineEntity, p } from '@mikro-orm/core';
import { defineConfig as definePglite } from '@mikro-orm/pglite';
import { defineConfig, EntityManager, SqlEntityManager } from '@mikro-orm/postgresql';
import { describe, expect, test } from 'vitest';
import { initBaseOrm } from '../mikro-orm/base-orm.ts';
import { asyncCalls, syncCalls } from './guarded-calls.ts';

const Task = defineEntity({ name: 'Task', properties: { id: p.integer().primary() } });

describe('the calls that are guarded', () => {
  test.each(asyncCalls)('MikroORM’s %s returns a promise', (name) => {
    expect(SqlEntityManager.prototype[name].constructor.name).toBe('AsyncFunction');
  });

  test.each(syncCalls)('MikroORM’s %s returns at once', (name) => {
    expect(SqlEntityManager.prototype[name].constructor.name).not.toBe('AsyncFunction');
  });

  test('of two EntityManager classes are not mixed', async () => {
    class OwnEntityManager extends EntityManager {
      override async find(): Promise<never> {
        throw new Error('of the application');
      }
    }
    const own = await initBaseOrm(
      defineConfig({ dbName: 'none', entities: [Task], entityManager: OwnEntityManager }),
      () => undefined,
    );
    const usual = await initBaseOrm(defineConfig({ dbName: 'none', entities: [Task] }), () => undefined);
    expect(own.em).toBeInstanceOf(OwnEntityManager);
    expect(usual.em).not.toBeInstanceOf(OwnEntityManager);
  });
});

test.each([
  ['@mikro-orm/postgresql', defineConfig({ dbName: 'none', entities: [Task] })],
  ['@mikro-orm/pglite', definePglite({ dbName: 'none', entities: [Task] })],
])('the EntityManager is an instance of the class of %s', async (name, config) => {
  const { EntityManager: DriverClass } = (await import(name)) as { EntityManager: typeof EntityManager };
  const { em } = await initBaseOrm(config as object, () => undefined);
  expect(em).toBeInstanceOf(DriverClass);
  expect(em.refreshMaterializedView).toBeInstanceOf(Function);
});

test.each(['app', '*'])('a configuration with the schema "%s" is refused', async (schema) => {
  await expect(
    initBaseOrm(defineConfig({ dbName: 'none', entities: [Task], schema }), () => undefined),
  ).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(`"${schema}"`) });
});
