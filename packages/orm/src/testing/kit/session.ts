import { AsyncLocalStorage } from 'node:async_hooks';
import { TransactionContext } from '@mikro-orm/core';
import type { AbstractSqlDriver, SqlEntityManager } from '@mikro-orm/sql';
import type { Tenancy, Tenant, TenantResource } from '@omnitenant/core';

export type TestEntityManager = SqlEntityManager<AbstractSqlDriver>;

/** A tenant as one test has it: a scope that is open until the test is over. */
export interface Session {
  readonly em: TestEntityManager;
  /** Calls `fn` in a scope of its own. */
  run<R>(fn: () => R): Promise<Awaited<R>>;
  /** Calls `fn` as what comes from outside is called: in no scope, and with nothing of the test's context. */
  ask<R>(fn: () => Promise<R>): Promise<R>;
  end(): Promise<void>;
}

export interface SessionOptions {
  readonly tenancy: Tenancy;
  readonly orm: TenantResource<TestEntityManager>;
  readonly tenant: Tenant;
  /** Has it all in one transaction, which ends by being rolled back. */
  readonly rollback: boolean;
}

export async function openSession({ tenancy, orm, tenant, rollback }: SessionOptions): Promise<Session> {
  const opened = Promise.withResolvers<TestEntityManager>();
  const over = Promise.withResolvers<void>();
  async function hold(em: TestEntityManager): Promise<void> {
    opened.resolve(em);
    await over.promise;
    if (rollback) throw rolledBack;
  }
  const scope = tenancy
    .outside(() =>
      tenancy.run(tenant.id, () => (rollback ? tenancy.use(orm).transactional(hold) : hold(tenancy.use(orm)))),
    )
    .catch((error: unknown) => {
      if (error !== rolledBack) throw error;
    });
  await Promise.race([opened.promise, scope]);
  const em = await opened.promise;
  /** What each joins in has an identity map of its own, as it has without the transaction. */
  const join = <R>(fn: () => R): R =>
    rollback ? TransactionContext.create(em.fork({ keepTransactionContext: true }), fn) : fn();
  const clean = tenancy.outside(() => AsyncLocalStorage.snapshot());
  return {
    em,
    run: (fn) => join(() => tenancy.run(tenant.id, fn)),
    ask: (fn) => clean(() => join(fn)),
    end: () => {
      over.resolve();
      return scope;
    },
  };
}

const rolledBack = new Error('A test is over, and what it wrote is rolled back.');
