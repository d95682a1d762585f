import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { answers, type Promises, stream, text } from './site.ts';

const many = Array.from({ length: 40 }, (_, n) => `t${n % 10}`);

/** What requests at once have in common: nothing. */
export const concurrency: Promises = {
  'requests at once stay in their tenants, and so do their timers': () => {
    const meet = rendezvous(many.length);
    return {
      async handle(site) {
        const before = site.here();
        await meet();
        const later = await Promise.all([
          new Promise((resolve) => setTimeout(() => resolve(site.here()))),
          new Promise((resolve) => setImmediate(() => resolve(site.here()))),
          new Promise((resolve) => process.nextTick(() => resolve(site.here()))),
        ]);
        await meet();
        return text([before, ...later, site.here()].join());
      },
      async check(site) {
        const replies = await Promise.all(many.map((tenant) => site.ask(`${tenant}.app.test`)));
        for (const [n, { body }] of replies.entries()) assert.equal(body, Array(5).fill(many[n]).join());
        await site.left(many.length);
        assert.deepEqual([...site.closed].sort(), [...many].sort());
      },
    };
  },

  'a request that others overtake is still in its tenant': () => {
    const reached = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    return {
      async handle(site) {
        if (site.here() === 'acme') {
          reached.resolve();
          await gate.promise;
        }
        return text(site.here());
      },
      async check(site) {
        const overtaken = site.ask('acme.app.test');
        await reached.promise;
        await answers(site, 'beta.app.test', 'beta');
        gate.resolve();
        assert.equal((await overtaken).body, 'acme');
      },
    };
  },

  'a large body that comes in pieces is read in the tenant': () => ({
    handle(site, { body }) {
      const { from, filler } = body as { from: string; filler: string };
      return text(`${from} ${filler.length} in ${site.here()}`);
    },
    async check(site) {
      const meet = rendezvous(many.length);
      async function* pieces(tenant: string) {
        const json = JSON.stringify({ from: tenant, filler: 'x'.repeat(600_000) });
        for (let at = 0; at < json.length; at += 150_010) {
          yield json.slice(at, at + 150_010);
          await meet();
        }
      }
      const headers = { 'content-type': 'application/json' };
      const replies = await Promise.all(
        many.map((tenant) => site.ask({ method: 'POST', host: `${tenant}.app.test`, headers, body: pieces(tenant) })),
      );
      for (const [n, { body }] of replies.entries()) assert.equal(body, `${many[n]} 600000 in ${many[n]}`);
    },
  }),

  'streams at once stay in their tenants': () => {
    const meet = rendezvous(many.length);
    return {
      handle: (site) =>
        stream(async function* () {
          for (let n = 0; n < 5; n++) {
            yield Buffer.from(`${site.here()} `);
            await meet();
          }
          yield Buffer.from(site.here());
        }),
      async check(site) {
        const replies = await Promise.all(many.map((tenant) => site.ask(`${tenant}.app.test`)));
        for (const [n, { body }] of replies.entries()) assert.equal(body, Array(6).fill(many[n]).join(' '));
        await site.left(many.length);
        assert.deepEqual([...site.closed].sort(), [...many].sort());
      },
    };
  },

  'a stream that waits for its reader stays in its tenant': () => ({
    handle: (site) =>
      stream(async function* () {
        for (let n = 0; n < 40; n++) yield Buffer.from(site.here().padEnd(60_000));
      }),
    async check(site) {
      const tenants = many.slice(0, 8);
      const replies = await Promise.all(tenants.map((tenant) => site.ask(`${tenant}.app.test`)));
      for (const [n, { body }] of replies.entries()) {
        assert.equal(body.length, 40 * 60_000);
        assert.deepEqual([...new Set(body.match(/\S+/g))], [tenants[n]]);
      }
    },
  }),

  'tenants that share a connection do not share a scope': () => ({
    async check(site) {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const ports = new Set<number | undefined>();
      const hosts = ['acme', 'beta', 'nosuch', 'www', 'acme', 'asleep', 'beta', 'www', 't1', 't2'];
      for (const host of [...hosts, ...hosts]) {
        const { status, body, port } = await site.ask({ host: `${host}.app.test`, agent });
        ports.add(port);
        if (status === 200) assert.equal(body, host === 'www' ? 'central' : host);
      }
      agent.destroy();
      assert.equal(ports.size, 1);
      await site.left(16);
    },
  }),
};

/** Holds its callers until all of them have come, and lets the last go first. */
function rendezvous(count: number): () => Promise<void> {
  let waiting: (() => void)[] = [];
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      if (waiting.length < count) return;
      const all = waiting.reverse();
      waiting = [];
      for (const go of all) go();
    });
}
