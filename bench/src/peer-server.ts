import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { createTenantManager, defineConfig } from 'drizzle-multitenant';
import { eq } from 'drizzle-orm';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import { bigint, pgTable, timestamp, varchar } from 'drizzle-orm/pg-core';
import { Hono } from 'hono';
import { Pool } from 'pg';
import { idleTimeoutMillis, poolMax } from './tenancy.ts';
import { answer, cpu } from './worker.ts';
import { idOf } from './workload.ts';

export interface PeerOptions {
  readonly variant: 'drizzle-multitenant' | 'drizzle';
  readonly url: string;
}

export type PeerCalls = typeof calls;

const users = pgTable('users', {
  id: bigint({ mode: 'number' }).primaryKey(),
  email: varchar().notNull(),
  name: varchar().notNull(),
  createdAt: timestamp('created_at').notNull(),
});

/** The database of a host. */
type Databases = (host: string) => Pick<NodePgDatabase, 'select'>;

const calls = {
  async start({ variant, url }: PeerOptions): Promise<{ port: number }> {
    const databaseOf = variant === 'drizzle' ? drizzleAlone(url) : withTenants(url);
    const app = new Hono();
    app.get('/u', async (c) => {
      const database = databaseOf(c.req.header('host') ?? '');
      const [found] = await database.select().from(users).where(eq(users.id, 1));
      return c.json({ id: found?.id, email: found?.email, name: found?.name });
    });
    const server = createServer(getRequestListener(app.fetch)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { port: (server.address() as AddressInfo).port };
  },

  cpu,
};

answer(calls);

/** As its documentation says, which has no middleware for Hono. It has a pool for each tenant, of which one connection is the least. */
function withTenants(url: string): Databases {
  const tenants = createTenantManager(
    defineConfig({
      connection: { url, poolConfig: { max: 1, idleTimeoutMillis } },
      isolation: { strategy: 'schema', schemaNameTemplate: (id) => `t_${id}` },
      schemas: { tenant: { users } },
    }),
  );
  return (host) => tenants.getDb(idOf(host)) as never;
}

/** The database leads its connections to one schema. */
function drizzleAlone(url: string): Databases {
  const database = drizzle(new Pool({ connectionString: url, max: poolMax, idleTimeoutMillis }), { schema: { users } });
  return () => database;
}
