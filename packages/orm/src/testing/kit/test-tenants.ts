import { isTenancyError, type Tenancy, TenancyError, type Tenant, type TenantResource } from '@omnitenant/core';
import type { LeakApp } from '../leak-app.ts';
import { openClient, type TestClient } from './open-client.ts';
import { openSession, type TestEntityManager } from './session.ts';
import { sweep } from './sweep.ts';
import { createSupply, type TestTenantInput } from './tenant-supply.ts';

/** The application under test. */
export interface TestApp<T extends Tenant = Tenant> {
  readonly tenancy: Tenancy<T>;
  readonly orm: TenantResource<TestEntityManager>;
  /** Who answers the requests of `api`. */
  readonly app?: LeakApp;
}

export interface TestTenantsOptions<T extends Tenant = Tenant> {
  /** Makes the application, which is closed with the test tenants. Its database is there already. */
  readonly start: () => TestApp<T> | Promise<TestApp<T>>;
  /** What each tenant is created from, such as its isolation. */
  readonly tenant?: TestTenantInput<T>;
  /** The host that a tenant's requests go to. Default: a domain that it is created with, `<id>.test`. */
  readonly host?: (tenant: T) => string;
  /**
   * Gives tests tenants that earlier ones have had, in milliseconds: `reset` deletes what was written, `rollback` has each test
   * in a transaction. Both bring back the tables only, and the second not all of them: see the guide. Default: each test has a
   * new tenant.
   */
  readonly reuse?: 'reset' | 'rollback';
}

/** A tenant that is one test's own. */
export interface TestTenant<T extends Tenant = Tenant> extends AsyncDisposable {
  readonly tenant: T;
  /** The tenant's EntityManager, which needs no scope around it. */
  readonly em: TestEntityManager;
  /** Calls the application's code in a scope of the tenant. */
  run<R>(fn: () => R): Promise<Awaited<R>>;
  /**
   * Asks the application as a client of the tenant does: `fetch` with paths. A request has nothing of the test's context, so a
   * route that enters no tenant fails as it would for a user. Redirects are not followed.
   */
  api(path: string, init?: RequestInit): Promise<Response>;
  /** Removes the tenant, or brings its tables back. */
  close(): Promise<void>;
}

/** The tenants of one worker's tests. */
export interface TestTenants<T extends Tenant = Tenant> extends AsyncDisposable {
  /** Opens a tenant that nobody else has, and that is as new. Close it with the test. */
  open(input?: TestTenantInput<T>): Promise<TestTenant<T>>;
  /** Removes all that were made, and closes the application. */
  close(): Promise<void>;
}

/**
 * Starts an application for tests that each have a tenant of their own, in any runner, in any number of processes on one
 * database. What runs that were killed have left there is removed first.
 *
 * @throws CONFIG_INVALID where tests cannot be rolled back.
 *
 * @example
 * const tenants = await openTestTenants({ start: createApp, tenant: { isolation: 'schema' } });
 * after(() => tenants.close());
 *
 * test('a task is listed', async () => {
 *   await using acme = await tenants.open();
 *   await acme.em.insert(Task, { title: 'write' });
 *   assert.equal((await acme.api('/tasks')).status, 200);
 * });
 */
export async function openTestTenants<T extends Tenant = Tenant>({
  start,
  tenant: defaults,
  host,
  reuse,
}: TestTenantsOptions<T>): Promise<TestTenants<T>> {
  const { tenancy, orm, app } = await start();
  const rollback = reuse === 'rollback';
  let client: TestClient | undefined;
  async function closeApp(): Promise<void> {
    await client?.close();
    await tenancy.close();
  }
  try {
    client = app === undefined ? undefined : await openClient(app);
    await tenancy.migrateCentral();
    if (rollback) await refuseRollback(tenancy, orm, client);
    await sweep(tenancy);
  } catch (error) {
    await closeApp();
    throw error;
  }

  const supply = createSupply({ tenancy, orm, defaults, domains: !host, reuse });
  const opened = new Set<TestTenant<T>>();

  async function open(input?: TestTenantInput<T>): Promise<TestTenant<T>> {
    const tenant = await supply.take(input);
    const session = await openSession({ tenancy, orm, tenant, rollback });
    const address = `http://${host?.(tenant) ?? `${tenant.id}.test`}`;
    let closing: Promise<void> | undefined;
    async function end(): Promise<void> {
      opened.delete(own);
      await session.end();
      await supply.giveBack(tenant);
    }
    const close = () => (closing ??= end());
    const own: TestTenant<T> = {
      tenant,
      em: session.em,
      run: session.run,
      api: async (path, init) => {
        if (!client) throw new TenancyError('CONFIG_INVALID', noApp);
        const { fetch } = client;
        return session.ask(() => fetch(new Request(new URL(path, address), init)));
      },
      close,
      [Symbol.asyncDispose]: close,
    };
    opened.add(own);
    return own;
  }

  async function end(): Promise<void> {
    try {
      for (const own of [...opened]) await own.close();
      await supply.removeAll();
    } finally {
      await closeApp();
    }
  }
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= end());
  return { open, close, [Symbol.asyncDispose]: close };
}

const noApp = 'The API was asked, and there is none: give start an app, such as what has fetch or listen.';

async function refuseRollback(
  tenancy: Tenancy,
  orm: TenantResource<TestEntityManager>,
  client: TestClient | undefined,
): Promise<void> {
  const driver = await tenancy.central(() => tenancy.use(orm).config.get('driver')?.name).catch(unlessNoCentral);
  if (driver === 'PgliteDriver')
    throw noRollback('PGlite has one connection, which the transaction would keep from everything else');
  if (client?.inProcess === false)
    throw noRollback('requests reach the app over a socket, where they cannot take part in the transaction');
}

/** On another database than PostgreSQL, central has no EntityManager. */
function unlessNoCentral(error: unknown): undefined {
  if (!isTenancyError(error, 'NOT_IN_TENANT')) throw error;
}

function noRollback(fault: string): TenancyError {
  return new TenancyError('CONFIG_INVALID', `Tests cannot be rolled back: ${fault}. Leave reuse out, or reset.`);
}
