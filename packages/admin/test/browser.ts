import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { type ConsoleMessage, chromium, type Page } from 'playwright-core';
import type { Site } from './site.ts';

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

/** Why there is no browser to test in, if there is none. */
export const noBrowser = existsSync(executablePath) ? undefined : `there is no ${executablePath}; name one by CHROMIUM`;

const { source: axe } = createRequire(import.meta.url)('axe-core') as { source: string };

/** A browser that shows a site's pages to one operator. */
export interface Browser extends AsyncDisposable {
  /** Loads a place, such as `#/audit`, as if nothing had been shown before. All tests share one window: to start one takes longer than most tests. */
  open(place: string, view?: View): Promise<Page>;
  /** What the browser has reported as an error, such as what the content security policy has refused. */
  readonly errors: readonly string[];
}

interface View {
  readonly width?: number;
  readonly height?: number;
  readonly colorScheme?: 'light' | 'dark';
}

/** Serves the site's control plane on a port of this machine, and starts Chromium. */
export async function openBrowser(site: Pick<Site, 'admin'>): Promise<Browser> {
  const server = createAdaptorServer({ fetch: (request: Request) => site.admin(request) }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const chrome = await chromium.launch({
    executablePath,
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
      ...['--disable-component-update', '--disable-sync'],
    ],
  });
  const errors: string[] = [];
  const page = await chrome.newPage({ reducedMotion: 'reduce' });
  page.on('pageerror', ({ message }) => errors.push(message));
  page.on('console', (entry) => isFault(entry) && errors.push(entry.text()));

  return {
    errors,
    async open(place, { width = 1280, height = 800, colorScheme = 'light' } = {}) {
      await page.goto('about:blank');
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme });
      await page.goto(`http://localhost:${port}/admin${place}`);
      await page.locator('h1').waitFor();
      return page;
    },
    async [Symbol.asyncDispose]() {
      await chrome.close();
      server.close();
    },
  };
}

/** An answer of the API that is an error is the pages' to show. */
const isFault = (entry: ConsoleMessage) => entry.type() === 'error' && !entry.text().startsWith('Failed to load');

/** What axe-core finds on the page, as sentences. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const found = await page.evaluate(() =>
    (globalThis as unknown as { axe: typeof import('axe-core') }).axe.run().then((results) => results.violations),
  );
  return found.flatMap(({ id, help, nodes }) => nodes.map(({ html }) => `${id}: ${help}: ${html}`));
}
