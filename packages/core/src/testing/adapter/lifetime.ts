import assert from 'node:assert/strict';
import { memoryStore } from '../../index.ts';
import { abandon, leave, send } from './http-client.ts';
import { answers, type Case, type Promises, stream, text } from './site.ts';

/** How long a request's scope lasts. */
export const lifetime: Promises = {
  'a scope ends with its response, and closes what it opened once': () => ({
    async check(site) {
      for (const [n, tenant] of ['acme', 'beta', 'acme'].entries()) {
        await answers(site, `${tenant}.app.test`, tenant);
        await site.left(n + 1);
      }
      assert.deepEqual(site.closed, ['acme', 'beta', 'acme']);
    },
  }),

  'an answer in one piece keeps its length': () => ({
    async check(site) {
      assert.equal((await site.ask('acme.app.test')).headers['content-length'], '4');
    },
  }),

  'a stream keeps its scope, type and length': () => ({
    handle: (site) =>
      stream(
        async function* () {
          await new Promise(setImmediate);
          yield Buffer.from(site.here());
          assert.deepEqual(site.closed, []);
          yield Buffer.from(' to the last');
        },
        { 'content-type': 'text/csv; charset=utf-8', 'content-length': '16' },
      ),
    async check(site) {
      const { body, headers } = await site.ask('acme.app.test');
      assert.equal(body, 'acme to the last');
      assert.equal(headers['content-type'], 'text/csv; charset=utf-8');
      assert.equal(headers['content-length'], '16');
      await site.left(1);
      assert.deepEqual(site.closed, ['acme']);
    },
  }),

  'an answer with no content ends its scope': () => withoutBody(204),
  'an answer that nothing has changed ends its scope': () => withoutBody(304),

  'an answer to HEAD ends its scope': () => ({ check: headEnds }),
  'a stream in answer to HEAD ends its scope': () => ({
    handle: (site) =>
      stream(async function* () {
        for (let n = 0; n < 3; n++) yield Buffer.from(site.here());
      }),
    check: headEnds,
  }),

  'listeners of the response hear its end in the tenant': () => {
    const heard: string[] = [];
    return {
      over: (site) => void heard.push(site.here()),
      async check(site) {
        await Promise.all(['acme', 'beta'].map((tenant) => site.ask(`${tenant}.app.test`)));
        await site.left(2);
        assert.deepEqual(heard.sort(), ['acme', 'acme', 'beta', 'beta']);
      },
    };
  },

  'listeners of the response hear in the tenant that the client left': () => {
    const heard = Promise.withResolvers<string>();
    return {
      handle: (site) =>
        stream(async function* () {
          yield Buffer.from(site.here());
          await new Promise(() => {});
        }),
      over: (site) => heard.resolve(site.here()),
      async check(site) {
        await leave(site.port, 'acme.app.test');
        assert.equal(await heard.promise, 'acme');
      },
    };
  },

  'a client that leaves in mid-stream ends the scope, once, and then the stream': () => {
    const gate = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<string>();
    return {
      handle: (site) =>
        stream(async function* () {
          try {
            yield Buffer.from(site.here());
            await gate.promise;
            yield Buffer.from(site.here());
          } finally {
            ended.resolve(site.here());
          }
        }),
      async check(site) {
        await leave(site.port, 'acme.app.test');
        await site.left(1);
        assert.deepEqual(site.closed, ['acme']);
        gate.resolve();
        assert.equal(await ended.promise, 'acme');
        await answers(site, 'beta.app.test', 'betabeta');
        await site.left(2);
        assert.deepEqual(site.closed, ['acme', 'beta']);
      },
    };
  },

  'a client that leaves a stream unread ends the scope, and then the stream': () => {
    const ended = Promise.withResolvers<string>();
    return {
      handle: (site) =>
        stream(async function* () {
          try {
            for (;;) yield Buffer.from(site.here().padEnd(100_000));
          } finally {
            ended.resolve(site.here());
          }
        }),
      async check(site) {
        await leave(site.port, 'acme.app.test');
        assert.equal(await ended.promise, 'acme');
        await site.left(1);
        assert.deepEqual(site.closed, ['acme']);
      },
    };
  },

  'a client that leaves before the answer ends the scope': () => {
    const reached = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    return {
      async handle(site) {
        const tenant = site.here();
        reached.resolve();
        await gate.promise;
        return text(tenant);
      },
      async check(site) {
        const sent = send(site.port, { host: 'acme.app.test' });
        sent.end();
        await reached.promise;
        await abandon(sent);
        gate.resolve();
        await site.left(1);
        assert.deepEqual(site.closed, ['acme']);
        await answers(site, 'beta.app.test', 'beta');
      },
    };
  },

  'a client that leaves while its tenant is looked up ends the scope': () => {
    const reached = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const store = memoryStore();
    return {
      store: {
        ...store,
        async find(id) {
          if (id !== 't9') return store.find(id);
          reached.resolve();
          await gate.promise;
          return store.find(id);
        },
      },
      async check(site) {
        const sent = send(site.port, { host: 't9.app.test' });
        sent.end();
        await reached.promise;
        await abandon(sent);
        await answers(site, 'beta.app.test', 'beta'); // by now the server knows
        gate.resolve();
        await site.left(2);
        assert.deepEqual(site.closed, site.opened);
      },
    };
  },
};

function withoutBody(status: number): Case {
  return {
    handle(site) {
      site.here();
      return { status, headers: {}, body: undefined };
    },
    async check(site) {
      assert.equal((await site.ask('acme.app.test')).status, status);
      await site.left(1);
      assert.deepEqual(site.closed, ['acme']);
    },
  };
}

async function headEnds(site: Parameters<Case['check']>[0]): Promise<void> {
  const { status, body } = await site.ask({ method: 'HEAD', host: 'acme.app.test' });
  assert.deepEqual({ status, body }, { status: 200, body: '' });
  await site.left(1);
  assert.deepEqual(site.closed, site.opened);
}
