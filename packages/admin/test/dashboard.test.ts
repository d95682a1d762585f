import { Migration } from '@mikro-orm/migrations';
import { type TestDns, testDns } from '@omnitenant/tooling';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Operator } from '../src/index.ts';
import { type Browser, noBrowser, openBrowser, violations } from './browser.ts';
import { openSite, type Site } from './site.ts';

class CreateTask extends Migration {
  override up() {
    this.addSql('create table task (id serial primary key)');
  }
  override down() {
    this.addSql('drop table task');
  }
}

/** A busy machine takes its time. */
const patient = { timeout: 60_000 };

const root = { id: 'root@app.test', permissions: ['read', 'operate', 'destroy'] } as const;

describe.skipIf(noBrowser)(`the dashboard${noBrowser ? `, not tested: ${noBrowser}` : ''}`, () => {
  let dns: TestDns;
  let site: Site;
  let browser: Browser;
  let operator: Operator = root;
  beforeAll(async () => {
    dns = await testDns();
    site = await openSite({
      tenancy: { domains: { required: false, servers: [dns.address] } },
      config: { migrations: { migrationsList: [CreateTask] } },
      admin: { authorize: () => operator, hosts: ['localhost'] },
    });
    const { tenants } = site.tenancy;
    const config = { plan: 'free', seats: 5, apiKey: 'k-1' };
    for (const id of ['acme', 'bloom', 'cobalt']) await tenants.create({ id, name: `The ${id} company`, config });
    await tenants.addDomain('acme', 'acme.example', { primary: true });
    await tenants.suspend('cobalt');
    const other = { status: 'failed', isolation: 'schema', placement: { server: 'default' }, config: {} } as const;
    for (let n = 0; n < 120; n++) {
      await site.orm.store.insert({ id: `shop-${n}`, name: `Shop ${n}`, ...other }, []);
    }
    const counts = { statements: 1, milliseconds: 2, jobs: 0, cacheBytes: 3_000 };
    const used = ['acme', 'bloom'].map(async (tenant, n) => {
      const { createdAt } = await tenants.get(tenant);
      return { tenant, createdAt, day: new Date().toISOString().slice(0, 10), rows: 7 + 34 * n, ...counts };
    });
    await site.orm.store.usage?.add({ id: 'seed', records: await Promise.all(used), keepSince: '2000-01-01' });
    browser = await openBrowser(site);
  });
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await site?.[Symbol.asyncDispose]();
    await dns?.close();
  });

  test('the fleet is counted, and read page by page', async () => {
    const page = await browser.open('');
    await page.getByRole('region', { name: 'Status' }).getByText('suspended').waitFor();
    const rows = page.locator('[data-row]');
    await rows.nth(49).waitFor();
    expect(await rows.count()).toBe(50);
    await page.getByRole('button', { name: 'Show more' }).click();
    await rows.nth(99).waitFor();
    expect(await rows.count()).toBe(100);
  });

  test('a search finds a tenant by part of its domain, and is kept in the address', async () => {
    const page = await browser.open('/');
    await page.getByLabel('Search tenants').fill('acme.exam');
    await expect.poll(() => page.locator('[data-row]').count(), patient).toBe(1);
    expect(page.url()).toContain('search=acme.exam');
    expect(await page.locator('[data-row]').textContent()).toContain('The acme company');
  });

  test('the keyboard is enough: / searches, Enter opens, j and k move', async () => {
    const page = await browser.open('/');
    await page.locator('[data-row]').first().waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    expect(await page.locator(':focus').textContent()).toContain('bloom');
    await page.keyboard.press('k');
    expect(await page.locator(':focus').textContent()).toContain('acme');
    await page.keyboard.press('/');
    await page.keyboard.type('cobalt');
    await page.getByRole('option', { name: 'The cobalt company' }).waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'The cobalt company' }).waitFor();
  });

  test('a verb is done with its reason, and the tenant’s history says who did it and why', async () => {
    const page = await browser.open('/#/tenants/acme');
    await page.getByRole('button', { name: 'Suspend' }).click();
    await page.getByRole('dialog').getByLabel('Reason').fill('Invoice 4711');
    await page.getByRole('dialog').getByRole('button', { name: 'Suspend' }).click();
    await page.locator('h1 + .badge', { hasText: 'suspended' }).waitFor();
    await page.getByRole('region', { name: 'History' }).getByText('Invoice 4711').waitFor();
    expect((await site.tenancy.tenants.get('acme')).status).toBe('suspended');
  });

  test('only who may destroy is asked how long an archived tenant is kept', async () => {
    const asked = async () => {
      const page = await browser.open('/#/tenants/bloom');
      await page.getByRole('button', { name: 'Archive' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Reason').waitFor();
      return dialog.getByLabel('Keep until').count();
    };
    expect(await asked()).toBe(1);
    operator = { ...root, permissions: ['read', 'operate'] };
    try {
      expect(await asked()).toBe(0);
    } finally {
      operator = root;
    }
  });

  test('a tenant is created by an operation that is followed to its end', async () => {
    const page = await browser.open('/');
    await page.getByRole('button', { name: 'New tenant' }).click();
    await page.getByRole('dialog').getByLabel('Id').fill('drift');
    await page.getByRole('dialog').getByRole('button', { name: 'Create' }).click();
    await page.locator('.operations .succeeded').getByText('drift').waitFor();
    expect((await site.tenancy.tenants.get('drift')).status).toBe('active');
  });

  test('what the API refuses is told in the dialog, which stays open', async () => {
    const page = await browser.open('/#/tenants/bloom');
    await page.getByRole('button', { name: 'Add' }).click();
    await page.getByRole('dialog').getByLabel('Host').fill('acme.example');
    await page.getByRole('dialog').getByRole('button', { name: 'Add' }).click();
    expect(await page.getByRole('dialog').getByRole('alert').textContent()).toContain('DOMAIN_TAKEN');
  });

  test('a plot that has not been drawn again does not widen the page', async () => {
    const page = await browser.open('/#/tenants/acme', { width: 390 });
    await page.locator('.uplot').first().waitFor();
    await page.evaluate("for (const plot of document.querySelectorAll('.uplot')) plot.style.width = '659px'");
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(390);
  });

  test('a domain is claimed, its record is copied, and it is the tenant’s once DNS has the record', async () => {
    const page = await browser.open('/#/tenants/acme');
    const dialog = page.getByRole('dialog');
    const row = page
      .getByRole('region', { name: 'Domains' })
      .getByRole('listitem')
      .filter({ hasText: 'shop.acme.example' });
    const verify = async () => {
      await row.getByRole('button', { name: 'Verify' }).click();
      await dialog.getByRole('button', { name: 'Verify' }).click();
    };
    await page.getByRole('button', { name: 'Claim' }).click();
    await dialog.getByLabel('Host').fill('shop.acme.example');
    await dialog.getByRole('button', { name: 'Claim' }).click();
    await row.getByText('pending').waitFor();
    expect(await violations(page)).toEqual([]);
    await page.setViewportSize({ width: 390, height: 760 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(390);
    await row.getByRole('button', { name: 'Copy the value' }).click();
    await row.getByText('Copied').waitFor();

    await verify();
    expect(await dialog.getByRole('alert').textContent()).toContain('DNS does not have the record.');
    await page.keyboard.press('Escape');
    const [name = '', value = ''] = (await row.locator('code').allTextContents()).slice(1);
    dns.set(name, [value]);
    await verify();
    await row.getByText('pending').waitFor({ state: 'detached' });
    expect(await site.tenancy.tenants.domains('acme')).toHaveLength(2);
  });

  test('the application’s own settings are edited, and nobody’s change is written over', async () => {
    const page = await browser.open('/#/tenants/bloom');
    const save = async (plan: string) => {
      await page.getByRole('button', { name: 'Edit' }).click();
      await page.getByRole('dialog').getByLabel('plan').fill(plan);
      await page.getByRole('dialog').getByLabel('seats').fill('7');
      return page.getByRole('dialog').getByRole('button', { name: 'Save' });
    };
    await (await save('gold')).click();
    await page.getByRole('region', { name: 'About' }).getByText('gold').waitFor();
    expect((await site.orm.store.find('bloom'))?.config).toEqual({ plan: 'gold', seats: 7, apiKey: 'k-1' });
    const late = await save('silver');
    await site.tenancy.tenants.update('bloom', { config: { plan: 'platinum' } });
    await late.click();
    expect(await page.getByRole('dialog').getByRole('alert').textContent()).toContain('TENANT_CHANGED');
    expect((await site.orm.store.find('bloom'))?.config).toEqual({ plan: 'platinum' });
  });

  test('usage is shown as a chart and as a table, of all tenants and of one', async () => {
    const page = await browser.open('/#/usage');
    await page.getByLabel('What is shown').selectOption('Rows');
    const most = page.getByRole('table', { name: 'Who has used the most' });
    await expect.poll(() => most.getByRole('row').nth(1).innerText(), patient).toMatch(/^bloom\s+41\s/);
    await most.getByRole('link', { name: 'acme' }).click();
    await page.getByRole('heading', { name: 'The acme company' }).waitFor();
    const usage = page.getByRole('region', { name: 'Usage' });
    await page.getByLabel('What is shown').selectOption('Rows');
    await usage.getByText('As a table').click();
    await expect.poll(() => usage.getByRole('table').getByRole('row').nth(1).innerText(), patient).toMatch(/\s7$/);
  });

  test.each([
    ['/', 'New tenant'],
    ['/', 'Adopt'],
    ['/', 'Import'],
    ['/#/tenants/acme', 'Edit'],
    ['/#/tenants/acme', 'Move'],
    ['/#/tenants/acme', 'Erase'],
  ])('the dialog of %s, “%s”, is accessible, keeps the focus and gives it back', async (place, name) => {
    const page = await browser.open(place, { width: 390, height: 760, colorScheme: 'dark' });
    const button = page.getByRole('button', { name, exact: true });
    await button.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    expect(await violations(page)).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(390);
    await page.keyboard.press('Shift+Tab');
    expect(await page.getByRole('main').locator(':focus').count()).toBe(0);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await expect.poll(() => page.locator(':focus').allInnerTexts(), patient).toEqual([name]);
  });

  test('the fleet is migrated, and its run is shown as it goes on', async () => {
    await site.orm.migrations.down({ tenants: ['bloom'], to: 0 });
    const page = await browser.open('/#/migrations');
    await page.getByText('create table task').waitFor({ state: 'attached' });
    await page.getByRole('button', { name: 'Run…' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Run' }).click();
    await page.locator('.run.succeeded').waitFor();
    for await (const { pending } of site.orm.migrations.status({ tenants: ['bloom'] })) expect(pending).toEqual([]);
  });

  test('what destroys has to be confirmed by the id', async () => {
    const page = await browser.open('/#/tenants/bloom');
    await page.getByRole('button', { name: 'Remove', exact: true }).click();
    const dialog = page.getByRole('dialog');
    const confirm = dialog.getByRole('button', { name: 'Remove' });
    expect(await confirm.isDisabled()).toBe(true);
    await dialog.getByLabel('Type bloom to confirm').fill('acme');
    expect(await confirm.isDisabled()).toBe(true);
    await dialog.getByLabel('Type bloom to confirm').fill('bloom');
    expect(await confirm.isDisabled()).toBe(false);
    await page.keyboard.press('Escape');
    expect(await dialog.count()).toBe(0);
  });

  test('a tenant that is not there is said so, in the words of the API', async () => {
    const page = await browser.open('/#/audit');
    await page.goto(page.url().replace('#/audit', '#/tenants/nobody'));
    expect(await page.getByRole('alert').textContent()).toContain('TENANT_UNKNOWN');
  });

  test('what is not touched in the editor stays as it is, lines and all', async () => {
    const address = 'First street 1\nUlm';
    await site.tenancy.tenants.create({
      id: 'ebony',
      name: 'Ebony',
      config: { address, plan: 'free', windows: 'a\r\nb' },
    });
    const page = await browser.open('/#/tenants/ebony');
    const edit = async (label: string, text: string) => {
      await page.getByRole('button', { name: 'Edit' }).click();
      await page.getByRole('dialog').getByLabel(label).fill(text);
      await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
    };
    await edit('plan', 'gold');
    expect((await site.orm.store.find('ebony'))?.config).toEqual({ address, plan: 'gold', windows: 'a\r\nb' });
    await page.getByRole('region', { name: 'About' }).getByText('gold').waitFor();
    await edit('address', 'Second street 2\nUlm');
    expect((await site.orm.store.find('ebony'))?.config['address']).toBe('Second street 2\nUlm');
  });

  test('a setting does not take the place of what is known of each tenant, whatever its name', async () => {
    await site.tenancy.tenants.create({ id: 'forest', config: { Isolation: 'a database of its own', Server: 'eu' } });
    const page = await browser.open('/#/tenants/forest');
    const about = page.getByRole('region', { name: 'About' });
    await about.getByText('a database of its own').waitFor();
    expect(await about.locator('dt', { hasText: 'Isolation' }).count()).toBe(2);
    await about.getByText('schema', { exact: true }).waitFor();
  });

  test('nothing is called well that could not be asked', async () => {
    const page = await browser.open('/');
    const attention = page.getByRole('region', { name: 'Needs attention' });
    await page.route('**/api/v1/connections', (route) =>
      route.fulfill({ status: 503, json: { title: 'Down', status: 503 } }),
    );
    await page.route('**/api/v1/tenants?status=*', (route) => route.fulfill({ json: { tenants: [], next: null } }));
    await page.route('**/api/v1/fleet', async (route) => {
      const fleet = await (await route.fetch()).json();
      await route.fulfill({ json: { ...fleet, status: { active: 3 }, behind: 0 } });
    });
    await page.reload();
    await attention.getByRole('alert').getByText('Down').waitFor();
    expect(await attention.getByText('Nothing').count()).toBe(0);
    await page.unrouteAll();
  });

  const places = ['/', '/#/tenants/acme', '/#/migrations', '/#/connections', '/#/usage', '/#/audit'];

  test.each(places)('%s is accessible and fits, in light on a desk and in dark on a phone', async (place) => {
    const page = await browser.open(place);
    for (const [colorScheme, width] of [
      ['light', 1280],
      ['dark', 390],
    ] as const) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      await page.locator('.loading').first().waitFor({ state: 'detached' });
      expect(await violations(page)).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    }
  });

  test('the browser has found nothing to report, and the content security policy nothing to refuse', () => {
    expect(browser.errors).toEqual([]);
  });
});
