import { type AdminArchives, createAdmin } from '@omnitenant/admin';
import { Hono, type MiddlewareHandler } from 'hono';
import { createApi } from './api.ts';
import { pages } from './pages.ts';
import type { Tracker } from './tenancy.ts';

/** The tracker for a browser: the API, the companies' pages on their hosts, and the dashboard on the public one. */
export function createSite(
  tracker: Tracker,
  archives: AdminArchives | undefined,
  ...middleware: MiddlewareHandler[]
): Hono {
  // The demo listens on this machine alone, and whoever sits at it is the operator. An application asks its session here.
  const authorize = () => ({ id: 'you', permissions: ['read', 'operate', 'destroy'] as const });
  const admin = createAdmin({ ...tracker, authorize, archives });
  const site = new Hono();
  site.all('/admin', (c) => admin(c.req.raw));
  site.all('/admin/*', (c) => admin(c.req.raw));
  return site.route('/', createApi(tracker, ...middleware, pages(tracker)));
}
