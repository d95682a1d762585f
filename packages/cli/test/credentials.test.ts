import { plainDatabase } from '@omnitenant/tooling';
import { expect, test } from 'vitest';
import { enter, openApplication } from './fixtures/command.ts';

test('a URL is sealed from standard input, and never shown', async () => {
  await using app = await openApplication({ tenants: [] });
  const { out: key } = await app.run('credentials', 'generate-key');
  const env = { OMNITENANT_KEYS: key.trim() };
  const input = 'postgresql://someone:hunter2@127.0.0.1:5432/postgres\n';
  const sealed = await app.runWith({ input, env }, 'credentials', 'seal');
  expect(sealed).toMatchObject({ code: 0, err: '' });
  expect(sealed.out).toMatch(/^eyJ[\w.-]+\n$/);
  const without = await app.runWith({ input }, 'credentials', 'seal');
  expect(without.code).toBe(1);
  expect(without.err).toContain('OMNITENANT_KEYS');
  for (const text of [sealed.out, without.out, without.err]) expect(text).not.toContain('hunter2');
  expect((await app.runWith({ input: '', env }, 'credentials', 'seal')).code).toBe(2);
});

test('a typed URL is not shown', async () => {
  await using app = await openApplication({ tenants: [] });
  const terminal = app.onTerminal('credentials', 'seal');
  for (const question of ['Server URL', 'Repeat']) {
    await terminal.until(question);
    terminal.type(`postgresql://someone:hunter2@127.0.0.1/postgres${enter}`);
  }
  expect(await terminal.ended).toBe(1);
  expect(terminal.shown()).toContain('There is no key to seal credentials with.');
  expect(terminal.raw()).not.toContain('hunter2');
});

test('a tenant is created on a dedicated server, listed without its credentials, and resealed with a new key', async () => {
  await using app = await openApplication({ tenants: ['bloom'] });
  await using own = await plainDatabase();
  const [old = '', newer = ''] = await Promise.all(
    [1, 2].map(async () => (await app.run('credentials', 'generate-key')).out.trim()),
  );
  const env = { OMNITENANT_KEYS: old };
  const seal = async () => (await app.runWith({ input: own.url, env }, 'credentials', 'seal')).out.trim();
  const sealed = await seal();
  const made = await app.runWith({ env }, 'create', 'acme', '--isolation', 'database', '--url', sealed, '--json');
  expect(made).toMatchObject({ code: 0, err: '' });
  const shown = [made, await app.run('list', '--json'), await app.run('list'), await app.run('show', 'acme', '--json')];
  for (const { out } of shown) {
    expect(out).toContain(`${app.prefix}acme`);
    expect(out).not.toContain(sealed);
    expect(out).not.toContain(new URL(own.url).password);
  }
  expect(JSON.parse(made.out)).toMatchObject({ placement: { server: 'own', url: '***' } });

  const refused = await app.runWith({ env }, 'create', 'cobalt', '--isolation', 'database', '--url', own.url);
  expect(refused).toMatchObject({ code: 1, out: '', err: expect.stringContaining('omnitenant credentials seal') });
  expect(refused.err).not.toContain('postgres://');

  const replaced = await app.runWith({ env, input: own.url }, 'credentials', 'replace', 'acme');
  expect(replaced).toMatchObject({ code: 0, out: 'replaced the credentials of "acme"\n' });
  const lost = await app.runWith({ env: { OMNITENANT_KEYS: newer } }, 'credentials', 'rotate');
  expect(lost).toMatchObject({ code: 1, out: '0 resealed, 0 unchanged, 1 failed\n' });
  expect(lost.err).toContain('CREDENTIALS_UNREADABLE: The credentials of tenant "acme" cannot be read');
  const rotated = await app.runWith({ env: { OMNITENANT_KEYS: `${newer},${old}` } }, 'credentials', 'rotate');
  expect(rotated).toMatchObject({ code: 0, out: '1 resealed, 0 unchanged, 0 failed\n', err: '' });
  const removed = await app.runWith({ env: { OMNITENANT_KEYS: newer } }, 'remove', 'acme', '--confirm', 'acme');
  expect(removed).toMatchObject({ code: 0 });
});
