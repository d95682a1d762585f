import { gunzipSync, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { files, html } from './assets.ts';
import { servePage } from './serve-page.ts';

const get = (path: string, headers: Record<string, string> = {}) =>
  servePage(new Request(`http://localhost/admin${path}`, { headers }), path);

test('the page is asked for each time, and what it loads is kept for good', async () => {
  const page = await get('/');
  expect(page?.headers.get('cache-control')).toBe('no-cache');
  expect(await page?.text()).toBe(html);
  for (const [name, text] of Object.entries(files)) {
    const file = await get(`/${name}`);
    expect(file?.headers.get('cache-control')).toBe('private, max-age=31536000, immutable');
    expect(await file?.text()).toBe(text);
  }
});

test('the page loads only what is there, by relative URLs', async () => {
  const loaded = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, url]) => url);
  expect(loaded.toSorted()).toEqual(Object.keys(files).toSorted());
});

test('a path without its slash leads to the one with it, whatever a proxy has put in front', async () => {
  const answer = await servePage(new Request('http://localhost/ops/admin?a=1'), '');
  expect(answer?.status).toBe(307);
  expect(answer?.headers.get('location')).toBe('./admin/?a=1');
});

test('who takes gzip gets it', async () => {
  const answer = await get('/', { 'accept-encoding': 'br, gzip' });
  expect(answer?.headers.get('content-encoding')).toBe('gzip');
  expect(gunzipSync(await (answer as Response).bytes()).toString()).toBe(html);
});

test('nothing else is there, nor any other method', async () => {
  for (const path of ['/nothing.js', '/constructor', '/../package.json']) expect(await get(path)).toBeUndefined();
  expect(await servePage(new Request('http://localhost/admin/', { method: 'POST' }), '/')).toBeUndefined();
});

test('all of it is at most 60 KB compressed', () => {
  const sizes = [html, ...Object.values(files)].map((text) => gzipSync(text, { level: 9 }).length);
  expect(sizes.reduce((sum, size) => sum + size)).toBeLessThanOrEqual(60 * 1024);
});
