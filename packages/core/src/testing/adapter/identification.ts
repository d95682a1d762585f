import assert from 'node:assert/strict';
import { fromDomain, fromHeader, fromPath } from '../../index.ts';
import { answers, type Promises } from './site.ts';

const forwarded = { host: 'acme.app.test', headers: { 'X-Forwarded-Host': 'beta.app.test' } };

/** Which tenant a request runs in. */
export const identification: Promises = {
  'a request runs in the tenant of its subdomain': () => ({
    async check(site) {
      await answers(site, 'acme.app.test', 'acme');
      await answers(site, 'beta.app.test', 'beta');
    },
  }),

  'a request runs in the tenant of its domain': () => ({
    resolver: fromDomain(),
    async check(site) {
      await answers(site, 'shop.example.com', 'acme');
    },
  }),

  'a request runs in the tenant of its header': () => ({
    resolver: fromHeader('x-tenant'),
    async check(site) {
      const reply = await site.ask({ host: 'api.app.test', headers: { 'X-Tenant': 'beta' } });
      assert.equal(reply.body, 'beta');
      const two = await site.ask({ host: 'api.app.test', headers: { 'X-Tenant': 'beta', 'x-tenant': 'acme' } });
      assert.ok(two.status === 400 || two.status === 404, 'two tenants in one request');
    },
  }),

  'a mounted router still has the whole path': () => ({
    mountedAt: '/api',
    resolver: fromPath('/api/t/:tenant'),
    async check({ ask }) {
      const host = 'app.example';
      const queries = [
        '/api/t/acme/orders?t=/api/t/beta',
        '/api/t/acme?/api/t/beta',
        'http://app.example/api/t/acme?t=beta',
      ];
      for (const path of ['/api/t/acme', '/api/t/acme/', ...queries]) {
        assert.equal((await ask({ host, path })).body, 'acme', path);
      }
      for (const path of ['/api/orders', '/api/x/t/acme']) assert.equal((await ask({ host, path })).status, 400, path);
    },
  }),

  'a path that servers understand differently names no tenant': () => ({
    resolver: fromPath('/t/:tenant'),
    async check(site) {
      const dots = [
        '/t/acme/../beta',
        '/./t/acme',
        '/t/acme/..',
        '/t/acme/%2e%2E/beta',
        '/t/acme/..%2Fbeta',
        'http://app.example/t/acme/../beta',
      ];
      for (const path of [...dots, '/t/acme\\..\\beta', '/t/acme#/../beta']) {
        assert.equal((await site.ask({ host: 'app.example', path })).status, 400, path);
      }
      assert.deepEqual(site.opened, []);
    },
  }),

  'a target that is an odd URL leads to no tenant': () => ({
    async check(site) {
      for (const path of ['ftp://acme.app.test/', 'http:acme.app.test', 'http://beta.app.test@acme.app.test/']) {
        const { status } = await site.ask({ host: 'acme.app.test', path });
        assert.ok(status >= 400 && status < 500, `${path} is answered with ${status}`);
      }
      assert.deepEqual(site.opened, []);
    },
  }),

  'a public host enters central': () => ({
    async check(site) {
      await answers(site, 'www.app.test', 'central');
      await answers(site, 'app.test', 'central');
    },
  }),

  'the port, case and trailing dot of a host make no difference': () => ({
    async check(site) {
      for (const host of ['acme.app.test:8080', 'ACME.App.Test', 'acme.app.test.', 'Acme.App.Test.:8080']) {
        await answers(site, host, 'acme');
      }
    },
  }),

  'a host that is no tenant of the application leads to none': () => ({
    async check(site) {
      const foreign = [
        'evil.com.app.test',
        'app.test.evil.com',
        'acme.app.test.evil.com',
        'acmeapp.test',
        'a.acme.app.test',
      ];
      const addresses = ['127.0.0.1', '127.0.0.1:80', '[::1]', '[::1]:8080', '[::ffff:127.0.0.1]'];
      const broken = ['', '.', '.app.test', 'acme..app.test', 'acme.app.test/beta', 'acme,beta.app.test'];
      const several = ['acme.app.test, beta.app.test', 'acme.app.test,beta.app.test', 'acme.app.test@beta.app.test'];
      for (const host of [...foreign, ...addresses, ...broken, ...several]) {
        const { status } = await site.ask(host);
        assert.ok(status === 400 || status === 404, `the host "${host}" is answered with ${status}`);
      }
      assert.deepEqual(site.opened, []);
    },
  }),

  'a request with two hosts leads to no tenant': () => ({
    async check(site) {
      assert.equal((await site.ask({ host: ['acme.app.test', 'beta.app.test'] })).status, 400);
      assert.equal((await site.ask({ host: ['acme.app.test', 'acme.app.test'] })).status, 400);
    },
  }),

  'a target that is a whole URL does not lead to the tenant of another Host header': () => ({
    async check({ ask }) {
      const target = 'http://beta.app.test/';
      assert.equal((await ask({ host: 'beta.app.test', path: target })).body, 'beta');
      // The target comes first by RFC 9112; a framework that reads the header is not sure.
      const { status, body } = await ask({ host: 'acme.app.test', path: target });
      assert.ok(status === 400 || body === 'beta', `it is answered with ${status} ${body}`);
    },
  }),

  'a forwarded host is ignored': () => ({
    async check(site) {
      assert.equal((await site.ask(forwarded)).body, 'acme');
    },
  }),

  'a forwarded host counts where the framework trusts its proxy': () => ({
    trustProxy: true,
    async check(site) {
      assert.equal((await site.ask(forwarded)).body, 'beta');
      await answers(site, 'acme.app.test', 'acme');
    },
  }),
};
