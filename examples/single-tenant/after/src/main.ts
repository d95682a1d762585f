import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createApp } from './app.ts';
import { openShop } from './shop.ts';

const { DATABASE_URL = 'postgres://localhost/shop', PORT = '3000' } = process.env;
const shop = await openShop(DATABASE_URL);
await shop.tenancy.migrateCentral();
await shop.orm.migrations.up();

const server = createApp(shop).listen(Number(PORT), '127.0.0.1');
await once(server, 'listening');
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => server.close(() => shop.tenancy.close()).closeIdleConnections());
}
console.log(`The shop is on http://localhost:${(server.address() as AddressInfo).port}`);
