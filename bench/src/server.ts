import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { defineConfig, type EntityManager, MikroORM, RequestContext } from '@mikro-orm/postgresql';
import type { Tenancy } from '@omnitenant/core';
import { tenancyMiddleware as expressTenancy } from '@omnitenant/express';
import { tenancyMiddleware as honoTenancy } from '@omnitenant/hono';
import express from 'express';
import { Hono } from 'hono';
import type { Framework } from './options.ts';
import type { SiteDatabase } from './site.ts';
import { idleTimeoutMillis, openTenancy, poolMax } from './tenancy.ts';
import { answer, cpu } from './worker.ts';
import { entities, idOf, readAll, tenantId, User } from './workload.ts';

export interface ServerOptions {
  readonly variant: 'tenancy' | 'plain';
  readonly framework: Framework;
  readonly database: SiteDatabase;
  /** Whether each request looks its tenant up. */
  readonly cold: boolean;
  /** The hosts of tenants with databases of their own. Without tenancy there is one MikroORM for each of them, on the same database. */
  readonly hosts: readonly string[];
}

export type ServerCalls = typeof calls;

/** An application's EntityManager, and what makes it the request's: tenancy, or without it MikroORM's own context. */
interface Application {
  readonly em: Pick<EntityManager, 'findOneOrFail'>;
  readonly tenancy?: Tenancy;
  readonly fork: <R>(next: () => R, host?: string) => R;
  /** Runs as a request of the first tenant would. */
  readonly inOne: (next: () => Promise<void>) => Promise<void>;
}

const calls = {
  async start({ variant, framework, database, cold, hosts }: ServerOptions): Promise<{ port: number }> {
    const byItself = () => (hosts.length > 0 ? plainDatabases(database, hosts) : plain(database));
    const app = variant === 'tenancy' ? await withTenancy(database, cold) : await byItself();
    for (let n = 0; n < 1_000; n += 1) await app.inOne(() => readAll(app.em, 1));
    const server = createServer(framework === 'hono' ? onHono(app) : onExpress(app)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { port: (server.address() as AddressInfo).port };
  },

  cpu,
};

answer(calls);

/**
 * One for each tenant that has a database of its own, beside the tenth that is kept back for central; in one database there are `poolMax` at
 * most. MikroORM by itself looks nobody up, and so has no central.
 */
const connections = { max: 45, idleMs: idleTimeoutMillis };

async function withTenancy(database: SiteDatabase, cold: boolean): Promise<Application> {
  const { orm, tenancy } = await openTenancy({ ...database, connections, ...(cold && { ttl: 1 }) });
  return {
    em: orm.em as EntityManager,
    tenancy,
    fork: (next) => next(),
    inOne: (next) => tenancy.run(tenantId(1), next),
  };
}

/** MikroORM by itself: the database leads its connections to one schema, and each request has a fork. */
async function plain({ url }: SiteDatabase): Promise<Application> {
  const { em } = await MikroORM.init(
    defineConfig({
      clientUrl: url,
      entities,
      pool: { max: poolMax, idleTimeoutMillis },
      ensureDatabase: false,
    }),
  );
  const fork = <R>(next: () => R) => RequestContext.create(em, next);
  return { em, fork, inOne: fork };
}

/** MikroORM by itself, once for each database. All of them together have the connections that tenants may have. */
async function plainDatabases({ url, prefix }: SiteDatabase, hosts: readonly string[]): Promise<Application> {
  const max = Math.max(1, Math.floor(connections.max / hosts.length));
  const ofHost = new Map<string | undefined, EntityManager>();
  for (const host of hosts) {
    const clientUrl = new URL(url);
    clientUrl.pathname = `/${prefix}${idOf(host)}`;
    const config = { clientUrl: clientUrl.href, entities, pool: { max, idleTimeoutMillis }, ensureDatabase: false };
    ofHost.set(host, (await MikroORM.init(defineConfig(config))).em);
  }
  const findOneOrFail = (...asked: unknown[]) =>
    (RequestContext.getEntityManager() as unknown as { findOneOrFail(...all: unknown[]): unknown }).findOneOrFail(
      ...asked,
    );
  const fork = <R>(next: () => R, host = hosts[0]) => RequestContext.create(ofHost.get(host) as EntityManager, next);
  return { em: { findOneOrFail } as never, fork, inOne: fork };
}

function onHono({ em, tenancy, fork }: Application): RequestListener {
  const app = new Hono();
  app.use(tenancy === undefined ? (c, next) => fork(next, c.req.header('host')) : honoTenancy(tenancy));
  app.get('/u', async (c) => c.json(await read(em, c.req.query('id'))));
  return getRequestListener(app.fetch);
}

function onExpress({ em, tenancy, fork }: Application): RequestListener {
  const app = express();
  app.use(tenancy === undefined ? (req, _res, next) => fork(next, req.headers.host) : expressTenancy(tenancy));
  app.get('/u', async (req, res) => {
    res.json(await read(em, req.query.id as string | undefined));
  });
  return app;
}

async function read(em: Application['em'], named = '1'): Promise<Pick<User, 'id' | 'email' | 'name'>> {
  const { id, email, name } = await em.findOneOrFail(User, Number(named));
  return { id, email, name };
}
