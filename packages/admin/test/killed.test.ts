import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import { openSite } from './site.ts';

const module = fileURLToPath(new URL('fixtures/operation-process.ts', import.meta.url));

test('an operation whose process is killed has failed, which it says, and can be begun again', async () => {
  await using site = await openSite();
  await site.tenancy.tenants.create({ id: 'acme' });
  const child = fork(module, {
    execArgv: ['--conditions=@omnitenant/source'],
    env: { ...process.env, OMNITENANT_URL: site.url },
  });
  const [id] = await once(child, 'message');
  const read = async () => (await site.ask('GET', `/operations/${id}`)).body;
  expect(await read()).toMatchObject({ status: 'running', verb: 'migrate', tenant: 'acme', actor: 'root@app.test' });
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
  const failed = await vi.waitFor(
    async () => {
      const operation = await read();
      expect(operation.status).toBe('failed');
      return operation;
    },
    { interval: 100 },
  );
  expect(failed.error).toEqual({ code: 'ABANDONED', message: expect.stringContaining('Start it again') });
  const { entries } = (await site.ask('GET', '/audit?tenant=acme&limit=1')).body;
  expect(entries).toMatchObject([{ verb: 'migrate', outcome: 'began' }]);
  const { body: next } = await site.ask('POST', '/tenants/acme/migrate');
  await vi.waitFor(async () => expect((await site.ask('GET', `/operations/${next.id}`)).body.status).toBe('succeeded'));
});
