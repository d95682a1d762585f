import { serve } from '@hono/node-server';
import { createApp } from './app.ts';
import { openShop } from './shop.ts';
import { startTelemetry } from './telemetry.ts';

const { DATABASE_URL = 'postgres://localhost/shop', REDIS_URL = 'redis://localhost:6379', PORT = '3000' } = process.env;

const shop = await openShop({ database: DATABASE_URL, redis: REDIS_URL });
await shop.tenancy.migrateCentral();
for (const id of ['acme', 'bloom']) {
  if ((await shop.tenancy.tenants.tryGet(id)) === undefined) await shop.tenancy.tenants.create({ id });
}
const telemetry = startTelemetry(shop, ['acme']);
const app = createApp(shop, telemetry);
const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: Number(PORT) }, ({ port }) =>
  console.log(`The shops are on http://acme.localhost:${port}, the metrics on http://localhost:${port}/metrics`),
);

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => server.close(() => telemetry.stop().then(shop.close)));
}
