import { EventEmitter, once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { defineResource, resource } from '../resource.ts';
import { memoryStore } from '../stores/memory.ts';
import { createTenancy, type Tenancy } from '../tenancy.ts';
import { bindScope, currentScope, handleOf, outside } from './context.ts';

const cache = defineResource({
  name: 'cache',
  open: (scope) => ({ of: scope.kind === 'tenant' ? scope.tenant.id : 'central' }),
});
const connection = defineResource({
  name: 'connection',
  open: () => ({ open: true }),
  close(handle) {
    handle.open = false;
  },
});

let tenancy: Tenancy;
function here() {
  return tenancy.tryCurrent()?.id;
}

beforeEach(async () => {
  tenancy = createTenancy({ store: memoryStore(), resources: [cache, connection] });
  for (const id of ['a', 'b', 'c']) await tenancy.tenants.create({ id });
});

describe('a scope', () => {
  test('keeps to its own tenant when scopes overlap and the outer one ends last', async () => {
    const [aIsIn, bIsOver] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const seen: unknown[] = [];
    const a = tenancy.run('a', async () => {
      seen.push(['a begins', here()]);
      aIsIn.resolve();
      await bIsOver.promise;
      seen.push(['a ends', here(), handleOf(cache).of]);
    });
    await aIsIn.promise;
    await tenancy.run('b', async () => {
      await Promise.resolve();
      seen.push(['b', here(), handleOf(cache).of]);
    });
    bIsOver.resolve();
    await a;
    expect(seen).toEqual([
      ['a begins', 'a'],
      ['b', 'b', 'b'],
      ['a ends', 'a', 'a'],
    ]);
    expect(here()).toBeUndefined();
  });

  test('is kept by hundreds of scopes whose steps interleave', async () => {
    const step = () => new Promise<void>((resolve) => setImmediate(resolve));
    await Promise.all(
      Array.from({ length: 300 }, (_, n) => {
        const id = 'abc'[n % 3] as string;
        return tenancy.run(id, async () => {
          for (let turn = 0; turn < n % 7; turn += 1) {
            await step();
            expect([here(), handleOf(cache).of]).toEqual([id, id]);
            if (turn === 3) expect(await tenancy.central(() => step().then(here))).toBeUndefined();
          }
        });
      }),
    );
  });

  test('nests, and the outer one is there again afterwards', async () => {
    await tenancy.run('a', async () => {
      await tenancy.run('b', async () => {
        expect([here(), currentScope()?.parent?.kind]).toEqual(['b', 'tenant']);
        await tenancy.central(async () => {
          expect(currentScope()?.kind).toBe('central');
          expect(handleOf(cache).of).toBe('central');
          await tenancy.run('a', () => expect(here()).toBe('a'));
        });
        expect(here()).toBe('b');
      });
      expect(here()).toBe('a');
    });
    expect(currentScope()).toBeUndefined();
  });

  test('of the same tenant, nested, has handles of its own', async () => {
    await tenancy.run('a', async () => {
      const outer = handleOf(cache);
      await tenancy.run('a', () => expect(handleOf(cache)).not.toBe(outer));
      expect(handleOf(cache)).toBe(outer);
    });
  });

  test.each([
    ['throws', () => Promise.reject(new Error('boom'))],
    [
      'throws synchronously',
      () => {
        throw new Error('boom');
      },
    ],
    ['is aborted', () => Promise.reject(AbortSignal.abort(new Error('boom')).reason)],
  ])('gives way to the former one when its function %s', async (_, fail) => {
    const ended: boolean[] = [];
    tenancy.signals.on('deactivated', ({ scope }) => void ended.push(scope.ended));
    await tenancy.run('a', async () => {
      await expect(tenancy.run('b', fail)).rejects.toThrow('boom');
      expect(ended).toEqual([true]);
      expect(here()).toBe('a');
    });
    expect(here()).toBeUndefined();
  });

  test('is the one in which a lazy, thenable result is asked for', async () => {
    const query = (): PromiseLike<unknown> => ({
      // biome-ignore lint/suspicious/noThenProperty: a query builder is one
      then: (fulfilled) => Promise.resolve([here(), currentScope()?.ended]).then(fulfilled),
    });
    expect(await tenancy.run('a', query)).toEqual(['a', false]);
    expect(await tenancy.run('b', async () => query())).toEqual(['b', false]);
    expect(await tenancy.central(query)).toEqual([undefined, false]);
  });

  test('reaches timers and emitters made in it, and outside() keeps it from them', async () => {
    const bus = new EventEmitter();
    const seen: unknown[] = [];
    const inside = Promise.withResolvers<unknown>();
    const free = Promise.withResolvers<unknown>();
    await tenancy.run('a', () => {
      setImmediate(() => inside.resolve(here()));
      tenancy.outside(() => {
        setImmediate(() => free.resolve(here()));
        expect(() => tenancy.current()).toThrow(expect.objectContaining({ code: 'OUTSIDE_SCOPE' }) as Error);
      });
      expect(here()).toBe('a');
      const bound = bindScope();
      bus.on('message', () => bound(() => seen.push(['bound', here()])));
      bus.on('message', () => outside(() => seen.push(['outside', here()])));
    });
    await tenancy.run('b', () => bus.emit('message'));
    expect([await inside.promise, await free.promise]).toEqual(['a', undefined]);
    expect(seen).toEqual([
      ['bound', 'a'],
      ['outside', undefined],
    ]);
  });

  test('is not that of a thread that is started in it, nor of what that is told', async () => {
    await tenancy.run('a', async () => {
      const thread = new Worker(new URL('../fixtures/worker-thread.ts', import.meta.url));
      expect(await once(thread, 'message')).toEqual(['none']);
      thread.postMessage('again');
      expect(await once(thread, 'message')).toEqual(['none']);
      expect(here()).toBe('a');
      await thread.terminate();
    });
  });

  test('can be snapshot where there is none, and there is none then', async () => {
    const bound = bindScope();
    await tenancy.run('a', () => expect(bound(() => currentScope())).toBeUndefined());
  });
});

describe('a handle', () => {
  test('is opened when it is first asked for, once per scope', async () => {
    const open = vi.spyOn(cache[resource], 'open');
    await tenancy.run('a', () => undefined);
    expect(open).not.toHaveBeenCalled();
    await tenancy.run('a', () => expect(handleOf(cache)).toBe(tenancy.use(cache)));
    expect(open).toHaveBeenCalledOnce();
    open.mockRestore();
  });

  test('is opened and closed outside all scopes, so that what it starts belongs to no tenant', async () => {
    const seen: unknown[] = [];
    const pool = defineResource({
      name: 'pool',
      open: () => void seen.push(currentScope()),
      close: () => void seen.push(currentScope()),
    });
    const other = createTenancy({ store: memoryStore(), resources: [pool] });
    await other.central(() => void handleOf(pool));
    expect(seen).toEqual([undefined, undefined]);
  });

  test('is opened again when opening it failed', async () => {
    const open = vi.fn().mockImplementationOnce(() => {
      throw new Error('not yet');
    });
    const flaky = defineResource({ name: 'flaky', open });
    const other = createTenancy({ store: memoryStore(), resources: [flaky] });
    await other.central(() => {
      expect(() => handleOf(flaky)).toThrow('not yet');
      expect(() => handleOf(flaky)).not.toThrow();
    });
  });

  test('is refused outside, and where no tenancy of the scope has the resource', async () => {
    expect(() => handleOf(cache)).toThrow(/"cache" was used outside a scope/);
    expect(() => tenancy.use(cache)).toThrow(expect.objectContaining({ code: 'OUTSIDE_SCOPE' }) as Error);
    const foreign = defineResource({ name: 'foreign', open: () => 1 });
    await tenancy.central(() => {
      expect(() => handleOf(foreign)).toThrow(expect.objectContaining({ code: 'OUTSIDE_SCOPE' }) as Error);
      expect(() => tenancy.use(foreign)).toThrow(expect.objectContaining({ code: 'RESOURCE_UNKNOWN' }) as Error);
      expect(() => currentScope()?.handle(foreign)).toThrow(
        expect.objectContaining({ code: 'RESOURCE_UNKNOWN' }) as Error,
      );
    });
  });

  test('is found past the scopes of another tenancy', async () => {
    const mail = defineResource({ name: 'mail', open: (scope) => scope.kind });
    const other = createTenancy({ store: memoryStore(), resources: [mail] });
    await tenancy.run('a', () =>
      other.central(() => {
        expect([handleOf(cache).of, handleOf(mail)]).toEqual(['a', 'central']);
        expect([here(), other.tryCurrent()]).toEqual(['a', undefined]);
      }),
    );
  });
});

describe('when a scope ends', () => {
  test('its handles are closed, newest first, and each is awaited', async () => {
    const events: string[] = [];
    const made = ['first', 'second', 'third'].map((name) =>
      defineResource({
        name,
        open: () => events.push(`open ${name}`),
        async close() {
          await Promise.resolve();
          events.push(`close ${name}`);
        },
      }),
    );
    const other = createTenancy({ store: memoryStore(), resources: made });
    await other.central(() => {
      for (const resource of made) handleOf(resource);
      events.push('body');
    });
    expect(events.slice(3)).toEqual(['body', 'close third', 'close second', 'close first']);
  });

  test('all handles are closed when one cannot be, and the caller is told', async () => {
    const [good, bad, worse] = [vi.fn(), new Error('bad'), new Error('worse')];
    const onError = vi.fn();
    const made = [good, () => Promise.reject(bad), () => Promise.reject(worse)].map((close, n) =>
      defineResource({ name: `r${n}`, open: () => n, close }),
    );
    const other = createTenancy({ store: memoryStore(), resources: made, onError });
    const openAll = () => void made.forEach(handleOf);

    await expect(other.central(openAll)).rejects.toBe(worse);
    expect(good).toHaveBeenCalledOnce();
    expect(onError.mock.calls).toEqual([[bad, {}]]);

    onError.mockClear();
    async function failing() {
      openAll();
      throw new Error('body');
    }
    await expect(other.central(failing)).rejects.toThrow('body');
    expect(good).toHaveBeenCalledTimes(2);
    expect(onError.mock.calls).toEqual([
      [worse, {}],
      [bad, {}],
    ]);
  });

  test('work that it left behind keeps the tenant and the handles that are open, and opens none that would be left open', async () => {
    const over = Promise.withResolvers<void>();
    let left: Promise<void> | undefined;
    await tenancy.run('a', () => {
      const opened = handleOf(connection);
      async function late() {
        await over.promise;
        expect(here()).toBe('a');
        expect(currentScope()?.ended).toBe(true);
        expect(handleOf(connection)).toBe(opened);
        expect(opened.open).toBe(false);
        expect(handleOf(cache).of).toBe('a');
      }
      left = late();
    });
    let refused: Promise<unknown> | undefined;
    await tenancy.run('b', () => {
      refused = over.promise.then(() => handleOf(connection));
    });
    over.resolve();
    await left;
    await expect(refused).rejects.toMatchObject({ code: 'SCOPE_ENDED', tenant: 'b' });
  });

  test('a timer that enters a new scope at each turn holds none of the former ones', async () => {
    const turns = Promise.withResolvers<void>();
    const parents: unknown[] = [];
    function tick(left: number): void {
      tenancy
        .run('a', () => {
          parents.push(currentScope()?.parent);
          if (left === 0) turns.resolve();
          else setImmediate(tick, left - 1);
        })
        .catch(turns.reject);
    }
    tick(5);
    await turns.promise;
    expect(parents).toEqual(new Array(6).fill(undefined));
  });
});
