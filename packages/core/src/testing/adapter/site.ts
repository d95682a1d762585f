import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { currentScope, defineResource, type TenantStore } from '../../extend.ts';
import { createTenancy, fromSubdomain, memoryStore, type Tenancy, type TenantResolver } from '../../index.ts';
import { ask, type Call, type Reply } from './http-client.ts';

/** The application that an adapter's tests put behind the adapter: see `adapterSuite`. */
export interface SuiteApp {
  /** What the adapter's middleware is made for. */
  readonly tenancy: Tenancy;
  /** Where the middleware and the route are mounted, by the framework's own router: `''` or a path such as `/api`. */
  readonly mountedAt: string;
  /** Whether the framework is told to trust the proxy in front of it. */
  readonly trustProxy: boolean;
  /** The one route: answers every method and path. It may throw at once, or reject. */
  handle(request: { readonly body?: unknown }): SuiteAnswer | Promise<SuiteAnswer>;
  /** The application's error handler: its answer, or `undefined` for what it leaves to the framework. */
  handleError(error: unknown): SuiteAnswer | undefined;
  /** To be called by listeners of the response's `finish` and `close`, added before `handle` is called. */
  over(): void;
}

/** What the application answers with: in one piece, as a stream, or with no body. */
export interface SuiteAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | AsyncIterable<Uint8Array> | undefined;
}

/** A listening server. */
export interface SuiteServer {
  readonly port: number;
  /** Ends the server with all its connections. */
  close(): Promise<void>;
}

/** One promise of an adapter: how its application differs from the usual, and the check. */
export interface Case {
  readonly handle?: (site: Site, request: { readonly body?: unknown }) => SuiteAnswer | Promise<SuiteAnswer>;
  readonly over?: (site: Site) => void;
  readonly resolver?: TenantResolver;
  readonly store?: TenantStore;
  readonly mountedAt?: string;
  readonly trustProxy?: boolean;
  readonly check: (site: Site) => Promise<void>;
}

/** Promises by the sentence that says them; each run makes its case anew. */
export type Promises = Readonly<Record<string, () => Case>>;

/** A served application whose tenants are `acme` (also at `shop.example.com`), `beta`, `t0` to `t9`, `asleep` and `repair`. */
export interface Site {
  readonly port: number;
  /** The tenants whose probe was opened and closed, in that order. */
  readonly opened: readonly string[];
  readonly closed: readonly string[];
  /** The tenant, or `central`, that the code of now runs in; the context and the resource must agree. */
  here(): string;
  ask(call: string | Call): Promise<Reply>;
  /** Resolves when that many scopes have ended. */
  left(scopes: number): Promise<void>;
}

/** An error of the application's own, which tenancy has no say in. */
export class OwnError extends Error {}

/** Serves a case's application, checks it and closes everything. */
export async function hold(
  serve: (app: SuiteApp) => Promise<SuiteServer>,
  { handle = (here) => text(here.here()), over, mountedAt = '', trustProxy = false, ...rest }: Case,
): Promise<void> {
  const { resolver = fromSubdomain('app.test'), store = memoryStore(), check } = rest;
  const opened: string[] = [];
  const closed: string[] = [];
  const probe = defineResource({
    name: 'probe',
    open(scope) {
      const of = scope.kind === 'tenant' ? scope.tenant.id : 'central';
      opened.push(of);
      return { of };
    },
    close: ({ of }) => void closed.push(of),
  });
  const tenancy = createTenancy({
    store,
    resolver(request) {
      assert.equal(currentScope(), undefined, 'a request is identified in the scope of another');
      return resolver(request);
    },
    publicHosts: ['app.test', 'www.app.test'],
    resources: [probe],
  });
  const events = new EventEmitter();
  let left = 0;
  tenancy.signals.on('deactivated', () => {
    left++;
    events.emit('left');
  });

  await populate(tenancy, store);
  const server = await serve({
    tenancy,
    mountedAt,
    trustProxy,
    handle: (request) => handle(site, request),
    handleError: (error) => (error instanceof OwnError ? text(`${error.message} in ${site.here()}`, 418) : undefined),
    over: () => over?.(site),
  });
  const site: Site = {
    port: server.port,
    opened,
    closed,
    here() {
      const { of } = tenancy.use(probe);
      assert.equal(tenancy.tryCurrent()?.id ?? 'central', of);
      return of;
    },
    ask: (call) => ask(server.port, typeof call === 'string' ? { host: call } : call),
    async left(scopes) {
      while (left < scopes) await once(events, 'left');
      assert.equal(left, scopes, 'scopes that have ended');
    },
  };
  try {
    await check(site);
  } finally {
    await server.close();
    await tenancy.close();
  }
}

async function populate({ tenants }: Tenancy, store: TenantStore): Promise<void> {
  await tenants.create({ id: 'acme', domains: ['shop.example.com'] });
  const others = ['beta', 'asleep', 'repair', ...Array.from({ length: 10 }, (_, n) => `t${n}`)];
  for (const id of others) await tenants.create({ id });
  await tenants.suspend('asleep');
  await store.update('repair', { status: 'maintenance' });
}

/** Checks that a host's request runs in the tenant. */
export async function answers(site: Site, host: string, tenant: string): Promise<void> {
  const { status, body } = await site.ask(host);
  assert.deepEqual({ host, status, body }, { host, status: 200, body: tenant });
}

/** An answer in one piece. */
export function text(body: string, status = 200): SuiteAnswer {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body };
}

/** An answer that is made while it is sent. */
export function stream(parts: () => AsyncIterable<Uint8Array>, headers: Record<string, string> = {}): SuiteAnswer {
  return { status: 200, headers: { 'content-type': 'text/event-stream', ...headers }, body: parts() };
}
