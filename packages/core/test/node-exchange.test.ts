import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { enterUntilClosed } from '../src/integrations/node-exchange.ts';
import { defineResource } from '../src/resource.ts';
import { memoryStore } from '../src/stores/memory.ts';
import { createTenancy } from '../src/tenancy.ts';

test.each([
  ['an error', new Error('out of tea'), 'out of tea'],
  ['a text', 'out of tea', "'out of tea'"],
  ['nothing', undefined, 'undefined'],
  ['an object without a prototype', Object.create(null), '[Object: null prototype] {}'],
])('what follows may throw %s at once: the request ends, and the error is a warning', async (_, thrown, told) => {
  const closed: string[] = [];
  const probe = defineResource({ name: 'probe', open: () => 'open', close: () => void closed.push('closed') });
  const tenancy = createTenancy({ store: memoryStore(), resources: [probe], resolver: () => ({ id: 'acme' }) });
  await tenancy.tenants.create({ id: 'acme' });
  const calls: unknown[] = [];
  const server = createServer((incoming, response) => {
    const request = { host: 'app.com', path: '/', header: () => undefined, raw: incoming };
    enterUntilClosed(tenancy, request, { incoming, response }, (error) => {
      calls.push(error);
      tenancy.use(probe);
      throw thrown;
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const warning = once(process, 'warning');
  await expect(fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)).rejects.toThrow();
  expect((await warning)[0].message).toBe(told);
  expect([calls, closed]).toEqual([[undefined], ['closed']]);
  server.close();
  await once(server, 'close');
  await tenancy.close();
});
