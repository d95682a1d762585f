import { randomBytes } from 'node:crypto';
import { sharedSettings } from '../../archive/archive-session.ts';
import type { Pools } from '../../connections/pools.ts';
import type { ReplicationStream } from '../../connections/replication.ts';
import type { Database } from '../../sql/client.ts';
import { quoteText } from '../../sql/quote.ts';
import { withoutTimeLimits } from '../../sql/time-limits.ts';
import { type DecodedChange, parseChange } from './decoded-change.ts';

/** The changes of a database from one moment on, as PostgreSQL decodes them. */
export interface ChangeFeed {
  /** The name of the snapshot that sees the database as it was at that moment, until `start`. */
  readonly snapshot: string;
  /**
   * Begins to read. Each change goes to `onChange` with the number of its transaction; if that throws, the feed has failed. Until what it
   * returns has resolved, nothing is read but what has arrived.
   */
  start(onChange: OnChange): void;
  /** Resolves when everything was read that was committed before the call. Rejects when the feed has failed. */
  mark(): Promise<void>;
  close(): Promise<void>;
}

type OnChange = (change: DecodedChange, xid: number) => Promise<void> | undefined;

/** How long a transaction that has begun before the moment is waited for, in milliseconds. */
const waitMs = 30_000;
/** How often the server is told that there is somebody, who has read so much. It gives up after a minute, by default. */
const statusMs = 5_000;

/**
 * Makes a temporary slot, which ends with its connection, whatever becomes of this process.
 *
 * @throws what PostgreSQL says where it makes no slot.
 */
export async function openChangeFeed(pools: Pools, database: Database): Promise<ChangeFeed> {
  const slot = `omnitenant_${randomBytes(6).toString('hex')}`;
  const connection = await pools.replicate(database);
  let snapshot: string;
  try {
    const settings = { ...sharedSettings, lock_timeout: `${waitMs}ms` };
    await connection.query(withoutTimeLimits('session'));
    for (const [name, value] of Object.entries(settings)) await connection.query(`set ${name} to ${quoteText(value)}`);
    const [made] = await connection.query(`CREATE_REPLICATION_SLOT ${slot} TEMPORARY LOGICAL test_decoding`);
    snapshot = String(made?.['snapshot_name']);
  } catch (error) {
    await connection.close();
    throw error;
  }
  const marks = new Map<string, () => void>();
  const { promise: failed, reject } = Promise.withResolvers<never>();
  failed.catch(() => {});
  let hasFailed = false;
  let marked = 0;
  let read = 0n;
  let xid = 0;
  let timer: NodeJS.Timeout | undefined;
  let stream: ReplicationStream | undefined;
  let pauses = 0;

  /** From now on nothing is read, so that no mark is found behind what was not understood. */
  function fail(error: unknown): void {
    hasFailed = true;
    reject(error);
  }

  function receive(message: Buffer, onChange: OnChange): void {
    if (message[0] === keepalive) {
      read = later(read, message.readBigUInt64BE(1));
      if (message[17] === 1) stream?.send(statusOf(read));
      return;
    }
    if (message[0] !== data) throw new SyntaxError('PostgreSQL has sent a message of an unknown form');
    const change = parseChange(message.toString('utf8', 25));
    read = later(read, message.readBigUInt64BE(9));
    if (change.kind === 'begin') xid = change.xid;
    else if (change.kind === 'message') marks.get(change.content)?.();
    else if (change.kind !== 'commit') pauseFor(onChange(change, xid));
  }

  /** PostgreSQL waits meanwhile, as long as it is told that there is somebody. */
  function pauseFor(work: Promise<void> | undefined): void {
    if (work === undefined) return;
    pauses += 1;
    stream?.pause();
    work.then(() => {
      pauses -= 1;
      if (pauses === 0) stream?.resume();
    }, fail);
  }

  return {
    snapshot,
    start(onChange) {
      const options = `"include-xids" '1', "skip-empty-xacts" '1', "include-rewrites" '1'`;
      const receiveOrFail = (message: Buffer) => {
        try {
          if (!hasFailed) receive(message, onChange);
        } catch (error) {
          fail(error);
        }
      };
      const onEnd = (error: Error) => fail(lostFeed(error));
      stream = connection.stream(`START_REPLICATION SLOT ${slot} LOGICAL 0/0 (${options})`, receiveOrFail, onEnd);
      timer = setInterval(() => stream?.send(statusOf(read)), statusMs);
    },
    async mark() {
      const content = `${slot} ${++marked}`;
      const { promise: arrived, resolve } = Promise.withResolvers<void>();
      marks.set(content, resolve);
      // It is decoded once it is written, and with it what was committed before, also where commits are not waited for.
      const emit = `select pg_logical_emit_message(true, 'omnitenant', ${quoteText(content)})`;
      await pools.query(database, `set local synchronous_commit to local; ${emit}`);
      await Promise.race([failed, arrived]).finally(() => marks.delete(content));
    },
    close: () => {
      clearInterval(timer);
      return connection.close();
    },
  };
}

const data = 'w'.charCodeAt(0);
const keepalive = 'k'.charCodeAt(0);

/** The message that says how far the stream was read: written, flushed and applied. PostgreSQL keeps nothing before it. */
function statusOf(read: bigint): Buffer {
  const status = Buffer.alloc(34);
  status.write('r');
  for (const offset of [1, 9, 17]) status.writeBigUInt64BE(read, offset);
  // Microseconds since 2000; nobody here depends on them.
  status.writeBigInt64BE(BigInt(Date.now() - Date.UTC(2000)) * 1_000n, 25);
  return status;
}

function lostFeed(cause: Error): Error {
  return new Error(`the connection that its changes were read on was lost: ${cause.message}`, { cause });
}

function later(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}
