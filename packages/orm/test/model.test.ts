import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer, connect as dial, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { plainDatabase } from '@omnitenant/tooling';
import { expect, test, vi } from 'vitest';
import { clock, type Order, openFleetProcess, type Report, type Verb, viewsOf } from './fixtures/fleet-process.ts';

const changes = Number(process.env.OMNITENANT_CHANGES ?? 150);
const seed = Number(process.env.OMNITENANT_SEED ?? Math.floor(Math.random() * 2 ** 31));

vi.setConfig({ testTimeout: 300_000 + changes * 1_000 });

const ids = ['acme', 'birch', 'cobalt', 'delta'];
/** For how long a process may trust what it remembers while it cannot ask; and for how long the machine of a test may be late. */
const trustMs = 3_000;
const lateMs = 2_000;

/** Verbs by how often they are chosen. */
const verbs: readonly Verb[] = [
  ...(['create', 'create', 'create', 'remove', 'remove', 'suspend', 'resume', 'resume', 'update', 'update'] as const),
  ...(['migrate', 'repair', 'clear', 'moveDomain', 'moveDomain', 'fleet'] as const),
];

/** How a verb may end while others are under way, connections are cut, and processes are killed. */
const expected = new Set([
  ...['done', 'killed', 'LOST', 'TENANT_BUSY', 'TENANT_EXISTS', 'TENANT_UNKNOWN', 'TENANT_OUTDATED'],
  ...['TRANSITION_REFUSED', 'DOMAIN_TAKEN', 'STORE_UNAVAILABLE', 'SERVER_UNAVAILABLE', 'CONNECTIONS_EXHAUSTED'],
  ...['PROVISION_FAILED', 'REMOVE_FAILED', 'MIGRATE_FAILED'],
]);

/** A verb as the model knows it: when it was under way, and how it ended. */
interface Act {
  readonly verb: Order['verb'];
  readonly id: string;
  readonly beganAt: number;
  endedAt: number;
  outcome: string;
}

type Seen = Extract<Report, { kind: 'seen' }>;

function randomFrom(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A way to the server whose connections can be cut. */
async function openProxy(url: string) {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = dial(Number(port || 5432), hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from
        .on('error', () => {})
        .on('close', () => {
          sockets.delete(from);
          to.destroy();
        });
      from.pipe(to);
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const through = new URL(url);
  through.host = `127.0.0.1:${(server.address() as { port: number }).port}`;
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: through.href,
    cut,
    async close() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const module = fileURLToPath(new URL('fixtures/fleet-process.ts', import.meta.url));

/** A process that is started again when it is killed. */
function openChild(options: object, onSeen: (seen: Seen) => void) {
  let child: ChildProcess;
  let ready: Promise<void>;
  let number = 0;
  const open = new Map<number, (report: Extract<Report, { kind: 'done' }> | undefined) => void>();
  const faults: string[] = [];

  function start(): void {
    child = fork(module, {
      execArgv: ['--conditions=@omnitenant/source'],
      env: { ...process.env, OMNITENANT_FLEET_PROCESS: JSON.stringify(options) },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let stderr = '';
    child.stderr?.on('data', (text) => {
      stderr += text;
    });
    ready = new Promise((resolve) => {
      child.on('message', (report: Report) => {
        if (report.kind === 'ready') resolve();
        else if (report.kind === 'seen') onSeen(report);
        else open.get(report.number)?.(report);
      });
      child.once('exit', (code, signal) => {
        if (signal !== 'SIGKILL' && code !== 0) faults.push(stderr);
        for (const end of open.values()) end(undefined);
        resolve();
      });
    });
  }

  start();
  return {
    faults,
    async tell(verb: Order['verb'], id: string) {
      await ready;
      number += 1;
      const own = number;
      const { promise, resolve } = Promise.withResolvers<Extract<Report, { kind: 'done' }> | undefined>();
      open.set(own, resolve);
      child.send({ number: own, verb, id } satisfies Order, () => {});
      if (!child.connected) resolve(undefined);
      return promise.finally(() => open.delete(own));
    },
    async kill() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
      start();
    },
    async end() {
      await ready;
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
}

/** What a scope has seen that it must not: rows of another incarnation, or a tenant that is gone or closed for longer than is allowed. */
function faultOf(seen: Seen, acts: readonly Act[]): string | undefined {
  const { id, incarnation, rows, beganAt, endedAt } = seen;
  if (rows.some((row) => row !== `${id}@${incarnation}`) || rows.length !== 1)
    return `rows ${rows} in ${id}@${incarnation}`;
  const bound = trustMs + lateMs;
  const ended = acts.filter((act) => act.id === id && act.outcome === 'done' && act.endedAt + bound < beganAt);
  const removed = ended.find(({ verb, beganAt: asked }) => verb === 'remove' && incarnation < asked);
  if (removed) return `${id}@${incarnation} is served ${beganAt - removed.endedAt} ms after its removal`;
  const suspended = ended.findLast(({ verb }) => verb === 'suspend');
  const opens = (act: Act) =>
    act.id === id && ['resume', 'create', 'repair'].includes(act.verb) && act.beganAt < endedAt;
  // What a killed process has sent last may be done a little later.
  const reopened = suspended && acts.some((act) => opens(act) && act.endedAt + 1_000 > suspended.beganAt);
  if (suspended && !reopened) return `${id} is served ${beganAt - suspended.endedAt} ms after its suspension`;
  return undefined;
}

test(`three processes under ${changes} random verbs, kills and cut connections agree, and serve nobody else's rows (seed ${seed})`, async () => {
  const database = await plainDatabase();
  const random = randomFrom(seed);
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  const acts: Act[] = [];
  const seen = { count: 0, faults: [] as string[] };
  const truth = await openFleetProcess({ url: database.url, name: database.name, trustMs });
  await truth.tenancy.migrateCentral();
  const proxies = await Promise.all([1, 2, 3].map(() => openProxy(database.url)));
  const children = proxies.map(({ url }) =>
    openChild({ url, name: database.name, ids, trustMs }, (what) => {
      seen.count += 1;
      // What is under way now may decide about it.
      setTimeout(() => {
        const fault = faultOf(what, acts);
        if (fault !== undefined) seen.faults.push(fault);
      }, 0);
    }),
  );

  async function act(verb: Verb): Promise<void> {
    const id = pick(ids);
    const own: Act = { verb, id, beganAt: clock(), endedAt: Number.POSITIVE_INFINITY, outcome: 'under way' };
    acts.push(own);
    const report = await pick(children).tell(verb, id);
    own.outcome = report?.outcome ?? 'killed';
    own.endedAt = clock();
  }

  /** All processes come to believe what central says. */
  async function agree(): Promise<void> {
    const stored = async () => {
      const fresh = await openFleetProcess({ url: database.url, name: database.name, trustMs });
      return viewsOf(fresh.tenancy, ids).finally(() => fresh.tenancy.close());
    };
    const views = await stored();
    await vi.waitFor(
      async () => {
        for (const child of children) expect((await child.tell('views', ''))?.views).toEqual(views);
      },
      { interval: 50 },
    );
  }

  try {
    const under = new Set<Promise<void>>();
    for (let n = 1; n <= changes; n += 1) {
      const work: Promise<void> = act(pick(verbs)).finally(() => under.delete(work));
      under.add(work);
      if (random() < 0.02) await pick(children).kill();
      if (random() < 0.05) pick(proxies).cut();
      if (under.size >= 8) await Promise.race(under);
      if (n % 100 === 0 || n === changes) {
        await Promise.all(under);
        await agree();
      }
      expect(seen.faults).toEqual([]);
    }
    const outcomes = new Map<string, number>();
    for (const { outcome } of acts) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    if (process.env.OMNITENANT_SHOW) console.log(seed, seen.count, Object.fromEntries(outcomes));
    expect([...outcomes.keys()].filter((outcome) => !expected.has(outcome))).toEqual([]);
    expect(children.flatMap(({ faults }) => faults)).toEqual([]);
    expect(outcomes.get('done')).toBeGreaterThan(changes / 5);
    expect(seen.count).toBeGreaterThan(changes);

    // Whatever is left can be finished by whoever is left.
    for (const child of children) await child.end();
    for await (const { id, status } of truth.orm.store.all()) {
      if (status === 'provisioning' || status === 'failed') await truth.tenancy.tenants.repair(id, { clear: true });
      else await truth.tenancy.tenants.remove(id);
    }
  } finally {
    for (const child of children) await child.end().catch(() => {});
    for (const proxy of proxies) await proxy.close();
    await truth.tenancy.close();
    await database.drop();
  }
});
