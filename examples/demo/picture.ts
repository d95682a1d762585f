// Makes the picture of the demo that the README shows: `DATABASE_URL=postgres://… node --conditions=@omnitenant/source examples/demo/picture.ts`.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { type Browser, chromium } from 'playwright-core';
import { companies } from './src/companies.ts';
import { openDatabase } from './src/database.ts';
import { addCompany } from './src/seed.ts';
import { createSite } from './src/site.ts';
import { createTracker, type Tracker } from './src/tenancy.ts';

const target = new URL('../../docs/guide/images/dashboard.png', import.meta.url).pathname;

const trades =
  'Bakery Bikes Books Ceramics Dental Florist Foundry Garage Labs Lighting Optics Print Roasters Sails Studio Works';
const places = 'Alder Birch Cedar Dune Elm Fjord Grove Harbour Inlet Juniper Kestrel Lagoon Mesa';

/** Two hundred companies besides the four, some of them closed and some behind. */
async function addFleet({ tenancy, orm }: Tracker): Promise<void> {
  const names = places.split(' ').flatMap((place) => trades.split(' ').map((trade) => `${place} ${trade}`));
  const ids = names.map((name) => name.toLowerCase().replace(' ', '-'));
  for (const [n, id] of ids.entries()) {
    const isolation = n % 40 === 7 ? 'database' : 'schema';
    await tenancy.tenants.create({ id, name: String(names[n]), isolation });
  }
  const every = (step: number, from: number) => ids.filter((_, n) => n % step === from);
  await orm.migrations.fake({ tenants: every(16, 3), to: 'Migration20260105CreateTracker' });
  for (const id of every(23, 4)) await tenancy.tenants.suspend(id);
  for (const id of every(61, 9)) await tenancy.tenants.startMaintenance(id);
  for (const id of every(47, 12)) await tenancy.tenants.archive(id);
}

async function takePicture(browser: Browser, port: number): Promise<void> {
  const window = (width: number, height: number) => browser.newPage({ viewport: { width, height } });
  const shot = async (width: number, height: number, url: string, button?: string) => {
    const page = await window(width, height);
    await page.goto(url);
    if (button) await page.getByRole('button', { name: button }).click();
    await page.waitForLoadState('networkidle');
    return `data:image/png;base64,${(await page.screenshot()).toString('base64')}`;
  };
  const acme = await shot(420, 330, `http://acme.localhost:${port}/`);
  const bloom = await shot(420, 510, `http://bloom.localhost:${port}/`, 'Try to leak');
  const dashboard = await shot(1100, 860, `http://localhost:${port}/admin/`);
  const page = await window(1600, 908);
  await page.setContent(`<style>
    body { display: grid; grid: 330px 510px / 420px 1100px; gap: 20px 32px; margin: 0; padding: 24px; background: #dfe1e8 }
    img { display: block; border-radius: 10px; outline: 1px solid #c9ccd6 } :last-child { grid-area: 1 / 2 / 3 / 3 }
  </style><img src="${acme}"><img src="${bloom}"><img src="${dashboard}">`);
  await page.screenshot({ path: target });
}

const database = await openDatabase(process.env.DATABASE_URL);
const tracker = await createTracker(database.config);
const server = createAdaptorServer({ fetch: createSite(tracker, undefined).fetch }).listen(0, '127.0.0.1');
await once(server, 'listening');
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
try {
  await tracker.tenancy.migrateCentral();
  for (const data of companies) await addCompany(tracker, data, 'schema');
  await addFleet(tracker);
  await takePicture(browser, (server.address() as AddressInfo).port);
} finally {
  await browser.close();
  server.close();
  await tracker.tenancy.close();
  await database.drop();
}
