import { defineEntity, p } from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';
import { defineConfig } from '@mikro-orm/postgresql';
import { type Cache, createCache } from '@omnitenant/cache';
import { createTenancy, fromSubdomain, type Tenancy } from '@omnitenant/core';
import { createOrm } from '@omnitenant/orm';
import { Queue, queueResource, Worker } from '@omnitenant/queue';

export const Order = defineEntity({
  name: 'Order',
  tableName: 'orders',
  properties: { id: p.integer().primary(), item: p.string() },
});

class CreateOrders extends Migration {
  override up(): void {
    this.addSql('create table orders (id serial primary key, item text not null)');
  }
}

/** Where the shops keep what is theirs, and what their keys in Redis begin with. */
export interface Servers {
  readonly database: string;
  readonly redis: string;
  readonly prefix?: string | undefined;
}

/** The shops: their orders, a cache, and a queue of receipts with its worker. */
export type Shop = Awaited<ReturnType<typeof openShop>>;

export async function openShop({ database, redis, prefix = 'shop:' }: Servers) {
  const orm = await createOrm(
    defineConfig({ clientUrl: database, entities: [Order], migrations: { migrationsList: [CreateOrders] } }),
    { connections: { max: 10 } },
  );
  const cache: Cache = createCache({ redis, prefix: `${prefix}cache:` });
  const { hostname: host, port } = new URL(redis);
  const connection = { host, port: Number(port || 6379) };
  const receipts = new Queue<{ order: number }>('receipts', { connection, prefix: `${prefix}queue` });
  const tenancy: Tenancy = createTenancy({
    resources: [orm, cache, queueResource(receipts)],
    resolver: fromSubdomain('localhost'),
    log: console,
  });
  const worker = new Worker('receipts', async () => orm.em.count(Order), {
    connection,
    prefix: `${prefix}queue`,
    tenancy,
    fair: { concurrency: 1 },
  });
  async function close(): Promise<void> {
    await worker.close();
    await tenancy.close();
  }
  return { orm, cache, receipts, tenancy, worker, close };
}
