import assert from 'node:assert/strict';
import { begin } from './http-client.ts';
import { OwnError, type Promises, type Site, stream } from './site.ts';

/** What becomes of errors that tenancy has no say in. */
export const ownErrors: Promises = {
  'an error that the application throws reaches its own handler in the tenant': () => ({
    handle() {
      throw new OwnError('out of tea');
    },
    check: handledByItself,
  }),

  'an error that the application rejects with reaches its own handler in the tenant': () => ({
    async handle() {
      await null;
      throw new OwnError('out of tea');
    },
    check: handledByItself,
  }),

  'an error in a stream cuts the answer off and ends the scope': () => {
    const gate = Promise.withResolvers<void>();
    return {
      handle: (site) =>
        stream(async function* () {
          yield Buffer.from(site.here());
          await gate.promise;
          throw new OwnError('out of tea');
        }),
      async check(site) {
        const [, response] = await begin(site.port, 'acme.app.test');
        gate.resolve();
        await new Promise((resolve) => response.on('close', resolve).resume());
        assert.equal(response.complete, false);
        await site.left(1);
        assert.deepEqual(site.closed, ['acme']);
      },
    };
  },
};

async function handledByItself(site: Site): Promise<void> {
  const reply = await site.ask('acme.app.test');
  assert.equal(reply.status, 418);
  assert.equal(reply.body, 'out of tea in acme');
  await site.left(1);
  assert.deepEqual(site.closed, ['acme']);
  assert.equal((await site.ask('beta.app.test')).body, 'out of tea in beta');
}
