import { expect, test } from 'vitest';
import { allOf } from './all-of.ts';
import { fromSession } from './from-session.ts';
import { fromSubdomain } from './from-subdomain.ts';

interface Raw {
  readonly session?: { readonly tenant: string };
}

function request(host: string, tenant?: string) {
  return { host, path: '/', header: () => undefined, raw: { session: tenant && { tenant } } };
}

test('a session leads to its tenant, at once or later', async () => {
  expect(fromSession(({ session }: Raw) => session?.tenant)(request('app.com', 'acme'))).toEqual({ id: 'acme' });
  expect(fromSession(({ session }: Raw) => session?.tenant)(request('app.com'))).toBeUndefined();
  expect(await fromSession(async ({ session }: Raw) => session?.tenant)(request('app.com', 'acme'))).toEqual({
    id: 'acme',
  });
});

test('a session of one tenant is refused at the host of another', async () => {
  const resolve = allOf(
    fromSubdomain('app.com'),
    fromSession(async ({ session }: Raw) => session?.tenant),
  );
  expect(await resolve(request('acme.app.com', 'acme'))).toEqual({ id: 'acme' });
  expect(await resolve(request('acme.app.com'))).toEqual({ id: 'acme' });
  await expect(resolve(request('birch.app.com', 'acme'))).rejects.toMatchObject({ code: 'TENANT_UNRESOLVED' });
});
