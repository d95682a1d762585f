import { setTimeout as pause } from 'node:timers/promises';
import { type MoveStep, TenancyError, type Tenant } from '@omnitenant/core';
import { inArchiveSession } from '../../archive/archive-session.ts';
import type { ImportParts } from '../../archive/import-tenant.ts';
import { sharesDatabase, sharesTables } from '../../placement/placement.ts';
import { hasChanged } from '../has-changed.ts';
import { trySeal } from '../seal.ts';
import type { Online } from './find-online.ts';
import { openRounds, type Rounds } from './rounds.ts';
import { watchTables } from './watched-tables.ts';

/** What an online copy is made with. */
export interface CopyOnline extends Online {
  readonly parts: ImportParts;
  readonly from: Tenant;
  readonly into: Tenant;
  readonly token: string;
  /** Is told of each step, and of how many changed rows were copied. Rejects when the move is not to go on. */
  readonly next: (step: MoveStep, changedRows?: number) => Promise<void>;
}

/** The tenant is sealed when a round takes no longer than this, in milliseconds, or copies no more rows: then the last one is as short. */
const shortRoundMs = 200;
const fewRows = 500;
/** So often a tenant whose rows change faster than they are copied, or that is being written to whenever it is to be sealed, is tried. */
const attempts = 60;
const pauseMs = 200;

/**
 * Copies a tenant that goes on writing: all of its rows as they were at one moment, and then, round by round, those that were changed since.
 * After a round, the new place is what the old one was at a later moment. Once rounds are short, all rows are compared by digest. Then the
 * old place is sealed for the last round, which compares what it copies, and all of them again where that takes a moment. Returns when the
 * seal began, by `performance.now()`.
 *
 * @throws MOVE_FAILED, ARCHIVE_INVALID, ARCHIVE_REFUSED
 */
export async function copyOnline(online: CopyOnline): Promise<number> {
  await online.next('copy');
  const feed = await online.openFeed();
  const rounds = openRounds(feed, online, await online.parts.logTable());
  let since: number;
  try {
    await rounds.copyAll();
    since = await catchUp(rounds, online);
  } finally {
    await feed.close();
  }
  await rounds.end();
  return since;
}

async function catchUp(rounds: Rounds, online: CopyOnline): Promise<number> {
  const { parts, from, token, next } = online;
  let comparedMs: number | undefined;
  let inUse: unknown;
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const began = performance.now();
    const rows = await rounds.round();
    await next('copy', rows);
    if (rows > fewRows && performance.now() - began > shortRoundMs) continue;
    if (comparedMs === undefined) {
      const since = performance.now();
      await rounds.compare();
      comparedMs = performance.now() - since;
      continue;
    }
    if (inUse === undefined) await next('seal');
    const sealed = await trySeal(parts.pools, from, token);
    if ('since' in sealed) {
      // Behind the seal nothing is written any more, so that everything is told and seen.
      await (comparedMs > shortRoundMs ? rounds.round() : rounds.compare());
      await requireSame(rounds, online);
      return sealed.since;
    }
    inUse = sealed.inUse;
    await pause(pauseMs);
  }
  throw inUse ?? changesTooFast(from);
}

/** Refuses tables that are not what they were when the move began: how they are changed is not decoded. */
async function requireSame({ left }: Rounds, { parts, from, watched }: CopyOnline): Promise<void> {
  const table = sharesTables(from) ? undefined : left();
  if (table !== undefined) throw hasChanged(from, table);
  const logTable = await parts.logTable();
  const now = await inArchiveSession(parts, from, 'read', (session) =>
    watchTables(session, logTable, !sharesDatabase(from)),
  );
  if ('why' in now || now.shape !== watched.shape) throw hasChanged(from);
}

function changesTooFast({ id }: Tenant): TenancyError {
  const message =
    `Tenant "${id}" could not be moved, and is where it was: its rows are changed faster than they are copied. ` +
    "Move it again when there is less to do, or with the option online: 'never', which refuses writes while it is copied.";
  return new TenancyError('MOVE_FAILED', message, { tenant: id });
}
