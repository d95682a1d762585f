import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, test, vi } from 'vitest';
import { enterUntilClosed } from '../src/integrations/node-exchange.ts';
import { nodeRequest } from '../src/integrations/node-request.ts';
import { fromHeader } from '../src/resolvers/from-header.ts';
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

test('callbacks of writes that wait behind another tenant’s answer run in their own tenant', async () => {
  const resolver = fromHeader('x-tenant');
  const tenancy = createTenancy({ store: memoryStore(), resolver });
  for (const id of ['acme', 'bloom']) await tenancy.tenants.create({ id });
  const gate = Promise.withResolvers<void>();
  const written = Promise.withResolvers<void>();
  const here = () => tenancy.tryCurrent()?.id ?? 'nobody';
  const called: string[] = [];
  const server = createServer((incoming, response) => {
    enterUntilClosed(tenancy, nodeRequest(incoming), { incoming, response }, async () => {
      if (here() === 'acme') {
        await gate.promise;
        return void response.end('from acme');
      }
      response.write('from bloom', () => called.push(`written in ${here()}`));
      response.end(() => {
        called.push(`ended in ${here()}`);
        written.resolve();
      });
      gate.resolve();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').resume();
  for (const id of ['acme', 'bloom']) socket.write(`GET / HTTP/1.1\r\nHost: app.com\r\nX-Tenant: ${id}\r\n\r\n`);
  await written.promise;
  expect(called).toEqual(['written in bloom', 'ended in bloom']);
  socket.destroy();
  server.close();
  await once(server, 'close');
  await tenancy.close();
});

test('a client that leaves ends the scopes of answers that wait behind another', async () => {
  const tenancy = createTenancy({ store: memoryStore(), resolver: () => ({ id: 'acme' }) });
  await tenancy.tenants.create({ id: 'acme' });
  const begun = Promise.withResolvers<void>();
  const server = createServer((incoming, response) => {
    enterUntilClosed(tenancy, nodeRequest(incoming), { incoming, response }, () => {
      if (incoming.url === '/first') return;
      response.end();
      if (incoming.url === '/last') begun.resolve();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').resume();
  for (const path of ['/first', '/second', '/last']) socket.write(`GET ${path} HTTP/1.1\r\nHost: app.com\r\n\r\n`);
  await begun.promise;
  expect(tenancy.stats().scopes.open).toBe(3);
  socket.destroy();
  await vi.waitFor(() => expect(tenancy.stats().scopes.open).toBe(0));
  server.close();
  await once(server, 'close');
  await tenancy.close();
});
