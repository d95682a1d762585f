import { defineEntity, p } from '@mikro-orm/core';
import { defineConfig as definePglite, type EntityManager as PgliteEntityManager } from '@mikro-orm/pglite';
import { defineConfig, EntityManager } from '@mikro-orm/postgresql';
import { resource } from '@omnitenant/core/extend';
import { describe, expectTypeOf, test } from 'vitest';
import { createOrm, type Orm } from '../src/orm.ts';

const UserSchema = defineEntity({ name: 'User', properties: { id: p.integer().primary(), email: p.string() } });
class User extends UserSchema.class {}
UserSchema.setClass(User);

class UserService {
  readonly em: EntityManager;
  constructor(em: EntityManager) {
    this.em = em;
  }
}

const clientUrl = 'postgresql://nobody@127.0.0.1:1/none';

describe('orm.em has the type of the driver’s own EntityManager', () => {
  test('of @mikro-orm/postgresql, in the seed too', async () => {
    const orm = await createOrm(defineConfig({ clientUrl, entities: [UserSchema] }), {
      seed: async (em) => {
        expectTypeOf(em).toExtend<EntityManager>();
        new UserService(em);
      },
    });
    expectTypeOf(orm.em).toExtend<EntityManager>();
    expectTypeOf(new UserService(orm.em).em.refreshMaterializedView).toBeFunction();
    await orm[resource].end?.();
  });

  test('of @mikro-orm/pglite', async () => {
    const orm = await createOrm(definePglite({ dbName: 'memory://', entities: [UserSchema] }));
    expectTypeOf(orm.em).toExtend<PgliteEntityManager>();
    await orm[resource].end?.();
  });

  test('of the application’s own class', async () => {
    class OwnEntityManager extends EntityManager {
      own(): string {
        return 'of the application';
      }
    }
    const orm = await createOrm(defineConfig({ clientUrl, entities: [UserSchema], entityManager: OwnEntityManager }));
    expectTypeOf(orm.em.own()).toEqualTypeOf<string>();
    await orm[resource].end?.();
  });

  test('and the orm of any configuration is an Orm', async () => {
    const orm = await createOrm(defineConfig({ clientUrl, entities: [UserSchema] as const }));
    expectTypeOf(orm).toExtend<Orm>();
    expectTypeOf(orm).toExtend<Pick<Orm, 'em'>>();
    await orm[resource].end?.();
  });
});

test('the entities that a configuration lists type Kysely', async () => {
  const orm = await createOrm(defineConfig({ clientUrl, entities: [UserSchema] as const }));
  const emails = () => orm.em.getKysely().selectFrom('user').select('email').execute();
  expectTypeOf(emails).returns.resolves.toEqualTypeOf<{ email: string }[]>();
  // @ts-expect-error There is no such table.
  const nothing = () => orm.em.getKysely().selectFrom('nothing');
  expectTypeOf(nothing).toBeFunction();
  await orm[resource].end?.();
});
