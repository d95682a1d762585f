import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createApp } from '../src/app.ts';
import { openShop } from '../src/shop.ts';

/** The shop for a test, on an empty database. */
export async function startShop(databaseUrl: string) {
  const shop = await openShop(databaseUrl);
  await shop.tenancy.migrateCentral();
  await shop.tenancy.tenants.create({ id: 'acme' });
  const server = createApp(shop).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    fetch: (path: string, init: RequestInit = {}): Promise<Response> =>
      fetch(`http://127.0.0.1:${port}${path}`, {
        ...init,
        headers: { 'content-type': 'application/json', connection: 'close', 'x-forwarded-host': 'acme.localhost' },
      }),
    async close(): Promise<void> {
      server.close();
      await once(server, 'close');
      await shop.tenancy.close();
    },
  };
}
