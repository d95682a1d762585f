import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createApp } from './app.ts';
import { openEmails } from './emails.ts';

const { REDIS_URL = 'redis://localhost:6379', OPERATOR_TOKEN, PORT = '3000' } = process.env;
if (!OPERATOR_TOKEN) throw new Error('Set OPERATOR_TOKEN, which operators have to know.');

const { hostname: host, port } = new URL(REDIS_URL);
const emails = openEmails({ host, port: Number(port || 6379) });
for (const id of ['acme', 'bloom']) {
  await emails.tenancy.tenants.create({ id, domains: [`${id}.localhost`] });
  await emails.tenancy.run(id, () => emails.queue.add('welcome', { to: `ada@${id}.test` }));
}

const server = createApp(emails, OPERATOR_TOKEN).listen(Number(PORT), '127.0.0.1');
await once(server, 'listening');
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => server.close(() => emails.close()).closeIdleConnections());
}
const address = `localhost:${(server.address() as AddressInfo).port}/queues`;
console.log(`A tenant's board is on http://acme.${address}, the operators' on http://${address}`);
