import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { type TestDatabase, testDatabase } from '@omnitenant/tooling';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { startShop as startAfter } from '../after/test/server.ts';
import { startShop as startBefore } from '../before/test/server.ts';

const ada = { email: 'ada@mail.test', name: 'Ada', street: 'High Street 1', city: 'Leeds' };

// The same tests, for the shop as it was and as it became.
describe.each([
  { version: 'before', startShop: startBefore },
  { version: 'after', startShop: startAfter },
])('the shop, $version', ({ version, startShop }) => {
  let database: TestDatabase;
  let shop: Awaited<ReturnType<typeof startShop>>;

  beforeAll(async () => {
    database = await testDatabase();
    shop = await startShop(database.url);
    await post('/categories', { slug: 'home', name: 'Home' });
    await post('/categories', { slug: 'lamps', name: 'Lamps', parent: 'home' });
    await post('/products', { slug: 'moon', name: 'Moon', price: 4900, stock: 5, category: 'lamps', tags: ['white'] });
    await post('/products', { slug: 'star', name: 'Star', price: 1900, stock: 2, category: 'lamps' });
    await post('/products', {
      slug: 'rug',
      name: 'Rug',
      price: 9900,
      stock: 9,
      category: 'home',
      tags: ['white', 'wool'],
    });
    await post('/customers', ada);
  });

  afterAll(async () => {
    await shop.close();
    await database.drop();
  });

  const get = async (path: string): Promise<unknown> => (await shop.fetch(path)).json();
  const send = async (path: string, body: object) => {
    const response = await shop.fetch(path, { method: 'POST', body: JSON.stringify(body) });
    return { status: response.status, body: (await response.json()) as { id: number; message?: string } };
  };
  const post = async (path: string, body: object) => {
    const answer = await send(path, body);
    assert.equal(answer.status, 201, answer.body.message ?? '');
    return answer.body;
  };
  const script = (name: string): string[] => [
    '--conditions=@omnitenant/source',
    new URL(`../${version}/src/${name}.ts`, import.meta.url).pathname,
  ];
  const env = (variables: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({
    ...process.env,
    ...{ NODE_OPTIONS: '', DATABASE_URL: database.url },
    ...variables,
  });
  const stockOf = async (slug: string) => ((await get(`/products/${slug}`)) as { stock: number }).stock;

  test('has a menu that follows its products', async () => {
    const menu = await get('/menu');
    assert.deepEqual(menu, [
      { name: 'Home', products: 1 },
      { name: 'Lamps', products: 2 },
    ]);
    await post('/categories', { slug: 'art', name: 'Art' });
    assert.deepEqual(await get('/menu'), [{ name: 'Art', products: 0 }, ...(menu as object[])]);
  });

  test('finds products by their tag, in their category', async () => {
    assert.deepEqual(await get('/products?tag=white'), [
      { slug: 'moon', name: 'Moon', price: 4900, category: 'lamps' },
      { slug: 'rug', name: 'Rug', price: 9900, category: 'home' },
    ]);
    assert.equal((await shop.fetch('/products/none')).status, 404);
  });

  test('shows the reviews of a product, one of each customer', async () => {
    const review = { email: ada.email, stars: 5, text: 'Soft.' };
    await post('/products/rug/reviews', review);
    assert.equal((await send('/products/rug/reviews', review)).status, 409);
    const { reviews, tags } = (await get('/products/rug')) as Record<string, unknown>;
    assert.deepEqual({ reviews, tags }, { reviews: [{ stars: 5, text: 'Soft.', by: 'Ada' }], tags: ['white', 'wool'] });
  });

  test('has a customer once', async () => {
    assert.equal((await send('/customers', ada)).status, 409);
  });

  test('takes an order out of the stock, with a coupon, until it is paid', async () => {
    await post('/coupons', { code: 'TEN', percent: 10, usesLeft: 1 });
    const lines = [{ product: 'moon', quantity: 2 }];
    const { id, ...placed } = await post('/orders', { email: ada.email, coupon: 'TEN', lines });
    assert.deepEqual(placed, { status: 'open', total: 8820 });
    assert.equal(await stockOf('moon'), 3);
    const again = await send('/orders', { email: ada.email, coupon: 'TEN', lines });
    assert.deepEqual(again, { status: 409, body: { message: 'The coupon cannot be used.' } });
    assert.equal(await stockOf('moon'), 3);

    assert.deepEqual(await post(`/orders/${id}/payments`, { amount: 8000 }), { id, status: 'open' });
    assert.deepEqual(await post(`/orders/${id}/payments`, { amount: 820 }), { id, status: 'paid' });
    assert.equal((await send(`/orders/${id}/payments`, { amount: 1 })).status, 409);
    assert.deepEqual(await get(`/orders/${id}`), {
      ...{ id, status: 'paid', total: 8820, customer: ada.email, shipTo: 'Leeds', coupon: 'TEN' },
      lines: [{ product: 'moon', quantity: 2, price: 4900 }],
      payments: [8000, 820],
    });
    assert.deepEqual(await get('/reports/revenue'), [{ category: 'Lamps', revenue: 9800 }]);
    const { orders } = (await get(`/customers/${ada.email}`)) as { orders: unknown };
    assert.deepEqual(orders, [{ id, status: 'paid', total: 8820 }]);
  });

  test('never sells more than there is, however many ask at once', async () => {
    const order = { email: ada.email, lines: [{ product: 'star', quantity: 1 }] };
    const answers = await Promise.all(Array.from({ length: 6 }, () => send('/orders', order)));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 201, 409, 409, 409, 409]);
    assert.equal(await stockOf('star'), 0);
  });

  test('puts back at night what nobody has paid', async () => {
    const before = await stockOf('rug');
    const { id } = await post('/orders', { email: ada.email, lines: [{ product: 'rug', quantity: 3 }] });
    assert.equal(await stockOf('rug'), before - 3);
    const { stdout } = await promisify(execFile)(process.execPath, script('nightly'), {
      env: env({ UNPAID_DAYS: '0' }),
    });
    assert.match(stdout, /[1-9] orders cancelled/);
    assert.equal(await stockOf('rug'), before);
    assert.equal(((await get(`/orders/${id}`)) as { status: string }).status, 'cancelled');
  });

  test('is started, and stops when it is told to', async () => {
    const child = spawn(process.execPath, script('main'), {
      env: env({ PORT: '0' }),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exit = once(child, 'exit');
    try {
      for await (const line of createInterface(child.stdout)) if (line.startsWith('The shop is on http:')) break;
    } finally {
      child.kill('SIGTERM');
    }
    assert.deepEqual(await exit, [0, null]);
  });
});
