import { join } from 'node:path';
import { defineConfig } from '@mikro-orm/postgresql';
import { createCache } from '@omnitenant/cache';
import { createTenancy, firstOf, fromDomain, fromSubdomain } from '@omnitenant/core';
import { createOrm } from '@omnitenant/orm';
import { Queue, queueResource } from '@omnitenant/queue';
import type { ConnectionOptions } from 'bullmq';
import { documentsIn } from './documents.ts';
import { Invoice } from './entities.ts';
import type { Job } from './jobs.ts';

export interface BillingOptions {
  /** Of central's database, as a login that may create databases and roles. */
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** The folder that documents are kept in. */
  readonly documents: string;
  /** What all keys in Redis begin with. */
  readonly prefix?: string;
}

/** What the routes and jobs work with. */
export type Billing = Awaited<ReturnType<typeof openBilling>>;

export async function openBilling({ databaseUrl, redisUrl, documents: folder, prefix = 'billing:' }: BillingOptions) {
  const central = new URL(databaseUrl).pathname.slice(1);
  const orm = await createOrm(
    defineConfig({
      clientUrl: databaseUrl,
      entities: [Invoice],
      migrations: { path: join(import.meta.dirname, '../migrations') },
    }),
    { names: { database: (id) => `${central}_${id}` } },
  );
  const cache = createCache({ redis: redisUrl, prefix: `${prefix}cache:` });
  const documents = documentsIn(folder);
  const connection: ConnectionOptions = { url: redisUrl };
  const redis = { connection, prefix: `${prefix}queue` };
  const queue = new Queue<Job>('billing', redis);
  const tenancy = createTenancy({
    resources: [orm, cache, documents, queueResource(queue)],
    resolver: firstOf(fromSubdomain('localhost'), fromDomain()),
  });
  return { orm, cache, documents, redis, queue, tenancy };
}
