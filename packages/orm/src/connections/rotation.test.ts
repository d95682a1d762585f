import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { TenantShare } from '../placement/tenant-limits.ts';
import type { QueryResult, SqlCallback, SqlConnection } from '../sql/client.ts';
import type { DatabaseOpener } from './database-pool.ts';
import { FairServer } from './fair-server.ts';
import { limitsOf } from './limits.ts';
import { ServerPools } from './server-pools.ts';

// Time is the tests' own, so that what is counted is the same on every machine.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  let state = 1;
  vi.spyOn(Math, 'random').mockImplementation(() => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const openingMs = 5;
const readMs = 2;

test('as many databases as connections keep theirs, however many reads come at once', async () => {
  const { served, opened, refused } = await ask({ databases: 20, budget: 20, clients: 40, forMs: 2_000 });
  expect(refused).toBe(0);
  // Some have had two at the start.
  expect(opened).toBeLessThan(60);
  expect(served).toBeGreaterThan(10_000);
});

test('bursts for one database after another open no more than that', async () => {
  const { served, opened, refused } = await ask({
    databases: 20,
    budget: 20,
    clients: 32,
    forMs: 2_000,
    isInTurn: true,
  });
  expect(refused).toBe(0);
  expect(opened).toBeLessThan(60);
  expect(served).toBeGreaterThan(5_000);
});

test('one database more than connections costs few of them, and none of its requests', async () => {
  const { served, opened, refused, longestMs } = await ask({ databases: 21, budget: 20, clients: 40, forMs: 2_000 });
  expect(refused).toBe(0);
  expect(opened / served).toBeLessThan(0.02);
  expect(longestMs).toBeLessThan(500);
});

test('twice as many databases as connections are all served', async () => {
  const { asked, longestMs, refused } = await ask({ databases: 40, budget: 20, clients: 40, forMs: 2_000 });
  expect(refused).toBe(0);
  expect(asked.size).toBe(40);
  expect(longestMs).toBeLessThan(1_000);
});

test('a server that opens one connection after another goes on serving while some are exchanged', async () => {
  const exchanged = { databases: 44, budget: 40, clients: 32, forMs: 6_000, isOneCycle: true, opener: oneByOne(30) };
  const { served, refused, longestMs } = await ask(exchanged);
  expect(refused).toBe(0);
  expect(served).toBeGreaterThan(2_000);
  expect(longestMs).toBeLessThan(2_500);
});

test('lookups leave tenants all that they may have', async () => {
  const server = new FairServer(limitsOf({ max: 10 }), () => opener);
  const databases = Array.from({ length: 9 }, (_, n) => `d${n}`);
  for (let round = 0; round < 20; round += 1) {
    for (const name of databases) {
      await within(read(server, 'central'));
      await within(read(server, name, { key: name, tenant: name, ownDatabase: true, connections: 1, waiting: 9 }));
      await within(sleep(30));
    }
  }
  expect(server.stats()).toMatchObject({ opened: 10, closed: 0 });
  await within(server.end());
});

test('a database that nobody asks for gives its connection up at once', async () => {
  const pools = poolsOf(2);
  for (const name of ['a', 'b']) await within(read(pools, name));
  await within(sleep(1_000));
  const start = performance.now();
  await within(read(pools, 'c'));
  expect(performance.now() - start).toBeLessThan(2 * openingMs + readMs);
  await within(pools.end());
});

test('a database with slow requests gets no second connection of one that is used', async () => {
  const pools = poolsOf(2);
  const start = performance.now();
  const statement = async (name: string, ms: number, untilMs: number): Promise<void> => {
    while (performance.now() - start < untilMs) {
      const client = await pools.connect({ server: 'here', database: name });
      await sleep(ms);
      client.release();
    }
  };
  const used = statement('a', 2, 2_000);
  const slow = Array.from({ length: 4 }, () => statement('b', 50, 1_000));
  await within(Promise.all([used, ...slow]));
  expect(pools.stats().opened).toBe(2);
  await within(pools.end());
});

test('requests that wait for a connection which opens slowly take no other one', async () => {
  const pools = poolsOf(2, oneByOne(600));
  for (const name of ['a', 'b']) await within(read(pools, name));
  await within(sleep(1_000));
  const statement = async (): Promise<void> => {
    const client = await pools.connect({ server: 'here', database: 'c' });
    await sleep(readMs);
    client.release();
  };
  await within(Promise.all([statement(), statement()]));
  expect(pools.stats().closed).toBe(1);
  await within(pools.end());
});

interface Crowd {
  readonly databases: number;
  readonly budget: number;
  readonly clients: number;
  readonly forMs: number;
  /** Whether each client asks the first database, then the second, so that they come in bursts. */
  readonly isInTurn?: boolean;
  /** Whether whoever comes next asks the next database. */
  readonly isOneCycle?: boolean;
  readonly opener?: DatabaseOpener;
}

/** Clients that read the databases at random or in turn, each one read after another. */
async function ask({ databases, budget, clients, forMs, isInTurn, isOneCycle, opener: of }: Crowd) {
  const pools = poolsOf(budget, of);
  const end = performance.now() + forMs;
  const asked = new Set<number>();
  let served = 0;
  let longestMs = 0;
  let next = 0;
  async function client(): Promise<void> {
    for (let n = 0; performance.now() < end; n += 1) {
      const inTurn = isOneCycle ? next++ : n;
      const database = isInTurn || isOneCycle ? inTurn % databases : Math.floor(Math.random() * databases);
      const start = performance.now();
      await read(pools, `d${database}`);
      longestMs = Math.max(longestMs, performance.now() - start);
      asked.add(database);
      served += 1;
    }
  }
  await within(Promise.all(Array.from({ length: clients }, client)));
  const { opened, refused } = pools.stats();
  await within(pools.end());
  return { served, opened, refused, longestMs, asked };
}

async function read(pools: ServerPools | FairServer, database: string, share?: TenantShare): Promise<void> {
  const client = await pools.connect({ server: 'here', database, share }, true);
  await client.send({ text: 'select 1', envelope: () => ({ before: [], after: [], leavesNothing: true }) });
  client.release();
}

function poolsOf(max: number, of = opener): ServerPools {
  return new ServerPools(limitsOf({ max }), () => of);
}

/** A server without PostgreSQL: it takes its time, and no processor. */
const opener: DatabaseOpener = {
  max: 10,
  open: async () => {
    await sleep(openingMs);
    return { client: connection(), isDirect: true, canPipeline: true, takesSeveral: true };
  },
  close: () => sleep(1),
};

/** A server that forks one process at a time, so that openings wait for each other. */
function oneByOne(eachMs: number): DatabaseOpener {
  let freeAt = 0;
  return {
    ...opener,
    open: async () => {
      freeAt = Math.max(freeAt, performance.now()) + eachMs;
      await sleep(freeAt - performance.now());
      return { client: connection(), isDirect: true, canPipeline: true, takesSeveral: true };
    },
  };
}

function connection(): SqlConnection {
  const result: QueryResult = { command: 'SELECT', rowCount: 1, rows: [] };
  const answer = (...parameters: unknown[]): never => {
    const done = parameters.at(-1) as SqlCallback;
    return void sleep(readMs).then(() => done(undefined, result)) as never;
  };
  return {
    query: answer,
    send: answer,
    sendMessage: answer,
    on: () => {},
    getTransactionStatus: () => 'I',
    pipeline: false,
  };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What the work comes to, with time going on as fast as it can. */
async function within<R>(work: Promise<R>): Promise<R> {
  let isOver = false;
  const outcome = work.finally(() => {
    isOver = true;
  });
  while (!isOver) await vi.advanceTimersToNextTimerAsync();
  return outcome;
}
