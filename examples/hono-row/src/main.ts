import { serve } from '@hono/node-server';
import { createApp } from './app.ts';
import { openTracker } from './tenancy.ts';

const { DATABASE_URL = 'postgres://localhost/tracker', ADMIN_TOKEN, PORT = '3000' } = process.env;
if (!ADMIN_TOKEN) throw new Error('Set ADMIN_TOKEN, which those who make companies have to know.');

const tracker = await openTracker(DATABASE_URL);
await tracker.tenancy.migrateCentral();
const { failed } = await tracker.orm.migrations.up();
for (const { tenant, error } of failed) console.error(`${tenant} is not migrated: ${error.message}`);

const app = createApp(tracker, ADMIN_TOKEN);
const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: Number(PORT) }, ({ port }) =>
  console.log(`The tracker is on http://localhost:${port}`),
);

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => server.close(() => tracker.tenancy.close()));
}
