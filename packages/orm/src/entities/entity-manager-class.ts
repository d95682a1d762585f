import type { AnyEntity, EntityClass, EntitySchema } from '@mikro-orm/core';
import type { AbstractSqlDriver, BasePostgreSqlEntityManager } from '@mikro-orm/sql';
import type { Owner } from './ownership.ts';

/** The EntityManager of a PostgreSQL driver. */
export type DriverEntityManager = BasePostgreSqlEntityManager<AbstractSqlDriver>;

/** The entities that a MikroORM configuration lists. */
export type DeclaredEntities = readonly (string | EntityClass<AnyEntity> | EntitySchema)[];

/** The EntityManager that a configuration names, which types `getKysely()` by its entities as MikroORM's own `orm.em` does. */
export type OrmEntityManager<EM, Entities> = (EM extends DriverEntityManager ? EM : DriverEntityManager) & {
  readonly '~entities'?: Entities;
};

/** The class of a driver's EntityManagers, such as that of @mikro-orm/postgresql or one of the application's own. */
export type EntityManagerClass = new (...parameters: never[]) => DriverEntityManager;

/** The scope that an EntityManager works in now: its own or, for the global one, the current scope's. */
export function ownerOf(em: DriverEntityManager): Owner {
  return em.getContext(false) as unknown as Owner;
}
