import { defineConfig, type Options } from '@mikro-orm/postgresql';
import { createTenancy, fromSubdomain, type Tenancy, type TenancyOptions } from '@omnitenant/core';
import { createOrm, type Orm, type OrmOptions } from '@omnitenant/orm';
import { testDatabase } from '@omnitenant/tooling';
import { type AdminOptions, createAdmin, type Operator } from '../src/index.ts';

/** An application with a control plane at `http://app.test/admin`. */
export interface Site extends AsyncDisposable {
  readonly tenancy: Tenancy;
  readonly orm: Orm;
  /** The URL of central's database. */
  readonly url: string;
  readonly admin: (request: Request) => Promise<Response>;
  /** Asks the API as an operator who may do everything, unless `as` says which. */
  ask(method: string, path: string, asked?: Asked): Promise<Answer>;
}

interface Asked {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly as?: string;
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they expect.
  readonly body: any;
}

export interface SiteOptions {
  readonly config?: Partial<Options>;
  readonly orm?: OrmOptions;
  readonly tenancy?: Partial<TenancyOptions>;
  readonly admin?: Partial<AdminOptions>;
}

const operators: Readonly<Record<string, Operator>> = {
  root: { id: 'root@app.test', permissions: ['read', 'operate', 'destroy'] },
  reader: { id: 'reader@app.test', permissions: ['read'] },
  clerk: { id: 'clerk@app.test', permissions: ['read', 'operate'] },
};

export async function openSite({
  config,
  orm: ormOptions,
  tenancy: more,
  admin: rest,
}: SiteOptions = {}): Promise<Site> {
  const database = await testDatabase();
  const orm = await createOrm(defineConfig({ clientUrl: database.url, entities: [], ...config }), ormOptions);
  const tenancy = createTenancy({
    resources: [orm],
    resolver: fromSubdomain('app.test'),
    publicHosts: ['app.test'],
    ...more,
  });
  await tenancy.migrateCentral();
  const authorize = (request: Request) => operators[request.headers.get('x-operator') ?? ''];
  const admin = createAdmin({ tenancy, orm, authorize, ...rest });

  return {
    tenancy,
    orm,
    url: database.url,
    admin,
    async ask(method, path, { body, headers, as = 'root' } = {}) {
      const hasBody = method !== 'GET' && method !== 'DELETE';
      const request = new Request(`http://app.test/admin/api/v1${path}`, {
        method,
        headers: { 'x-operator': as, ...(hasBody && { 'content-type': 'application/json' }), ...headers },
        ...(hasBody && { body: JSON.stringify(body ?? {}) }),
      });
      const response = await admin(request);
      const text = await response.text();
      const isJson = /\/(problem\+)?json/.test(response.headers.get('content-type') ?? '');
      return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
    },
    async [Symbol.asyncDispose]() {
      await tenancy.close();
      await database.drop();
    },
  };
}
