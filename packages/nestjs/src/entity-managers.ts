import { EntityManager, MikroORM } from '@mikro-orm/core';
import type { InjectionToken, Provider } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { TenancyError } from '@omnitenant/core';
import { options as optionsToken } from './tenancy-token.ts';

/** A class of EntityManagers, such as that of the driver. */
export type EntityManagerClass = abstract new (...args: never[]) => EntityManager;

/** The classes that an EntityManager is injected by: its own, down to core's. */
export function classesOf(em: EntityManager): EntityManagerClass[] {
  const classes: EntityManagerClass[] = [];
  for (let at = Object.getPrototypeOf(em); at !== Object.prototype && at !== null; at = Object.getPrototypeOf(at)) {
    classes.push(at.constructor);
  }
  return classes;
}

/** By what modules inject an EntityManager and MikroORM's own instance. */
export interface EntityManagerTokens {
  readonly em: readonly InjectionToken[];
  readonly orm: readonly InjectionToken[];
}

/** These classes, MikroORM's own and that of the driver, and the names that `@InjectEntityManager` and `@InjectMikroORM` of @mikro-orm/nestjs use. */
export function tokensOf(
  classes: readonly EntityManagerClass[],
  contextName: string | undefined,
  em?: EntityManager,
): EntityManagerTokens {
  const named = (kind: string) => (contextName === undefined ? [] : [`${contextName}_${kind}`]);
  const driver = em?.getDriver().getORMClass();
  return {
    em: [...new Set<InjectionToken>([EntityManager, ...(classes as never[]), ...named('EntityManager')])],
    orm: [...new Set<InjectionToken>([MikroORM, driver ?? MikroORM, ...named('MikroORM')])],
  };
}

/** Provides the orm's EntityManager, and what stands for MikroORM's own instance. */
export function entityManagerProviders(tokens: EntityManagerTokens): Provider[] {
  const inject = [optionsToken];
  return [
    ...tokens.em.map((provide) => ({ provide, inject, useFactory: ({ orm }: WithOrm) => orm?.em ?? null })),
    ...tokens.orm.map((provide) => ({
      provide,
      inject,
      useFactory: ({ orm }: WithOrm) => (orm === undefined ? null : facadeOf(orm.em)),
    })),
  ];
}

interface WithOrm {
  readonly orm?: { readonly em: EntityManager } | undefined;
}

/** Stands for MikroORM's own instance: its `em` is the current tenant's, and the rest, which knows no tenants, is refused. */
function facadeOf(em: EntityManager): object {
  return new Proxy(Object.create(MikroORM.prototype), {
    get(_, name) {
      if (name === 'em') return em;
      // What every object has: modules of Nest read the class of each provider.
      if (name in Object.prototype) return Reflect.get(MikroORM.prototype, name);
      if (!(name in MikroORM.prototype)) return undefined;
      const message = `MikroORM's "${String(name)}" knows no tenants; use the orm of @omnitenant/orm, such as orm.migrations, instead.`;
      throw new TenancyError('CONFIG_INVALID', message);
    },
  });
}

/**
 * Nest injects whichever was imported first, so a second EntityManager could serve all tenants the rows of one database.
 * @throws CONFIG_INVALID
 */
export function refuseSecondEntityManager(
  modules: ModulesContainer,
  { orm }: WithOrm,
  { em }: EntityManagerTokens,
): void {
  if (orm === undefined) return;
  const tokens = new Set<unknown>(em);
  for (const { name, providers } of modules.values()) {
    for (const [token, { instance }] of providers) {
      if (!tokens.has(token) || instance === orm.em || instance === null) continue;
      const message = `The module "${name}" provides a second EntityManager, which knows no tenants; remove it, or MikroOrmModule.forRoot(), which brings it. TenancyModule provides the EntityManager; MikroOrmModule.forFeature() stays.`;
      throw new TenancyError('CONFIG_INVALID', message);
    }
  }
}
