import { join } from 'node:path';
import { serve } from '@hono/node-server';
import { createApp } from './app.ts';
import { openBilling } from './billing.ts';
import { scheduleStatements, startWorker } from './jobs.ts';
import { addTenants } from './tenants.ts';

const {
  DATABASE_URL: databaseUrl = 'postgres://localhost/billing',
  REDIS_URL: redisUrl = 'redis://localhost:6379',
  REDIS_PREFIX: prefix = 'billing:',
  DOCUMENTS: documents = join(import.meta.dirname, '../documents'),
  PORT = '3000',
} = process.env;

const billing = await openBilling({ databaseUrl, redisUrl, prefix, documents });
await addTenants(billing);
await scheduleStatements(billing, { pattern: '0 3 * * *' });
const worker = startWorker(billing);
const server = serve({ fetch: createApp(billing).fetch, hostname: '127.0.0.1', port: Number(PORT) }, ({ port }) =>
  console.log(`Billing is on http://small.localhost:${port}, and so for medium and large`),
);

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () =>
    server.close(async () => {
      await worker.close();
      await billing.tenancy.close();
    }),
  );
}
