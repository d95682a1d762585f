import { randomBytes } from 'node:crypto';
import type { Pools } from '../connections/pools.ts';
import type { Database } from '../sql/client.ts';
import { publish } from '../sql/diagnostics.ts';
import { quoteName, quoteText } from '../sql/quote.ts';
import { dropDatabase } from './drop-database.ts';
import { type Contents, isTaken } from './storage.ts';

/** The parts of template databases. */
export interface TemplateOptions {
  readonly pools: Pools;
  /** The database of a server to connect to while another is created or dropped. */
  readonly maintenance: (server: string) => Database;
  /** The prefix of the names of an application's templates. */
  readonly prefix: string;
  /** The comment that an application's templates bear. */
  readonly mark: string;
}

/** The prefix that keeps the templates of several applications on one server apart. */
export function templatePrefix({ database }: Database): string {
  return `${database.slice(0, 40)}_template_`;
}

/** The databases that new tenants' databases are copied from. */
export interface Templates {
  /** The name of a server's template. It is created if the migrations have changed. */
  of(server: string, contents: Contents): Promise<string>;
  /** Forgets a template that could not be copied, so that the next use looks for it again. */
  isGone(server: string, contents: Contents): void;
}

/** A template has its version in its name, and gets that name once it is complete, so that no incomplete one is copied. */
export function templates({ pools, maintenance, prefix, mark }: TemplateOptions): Templates {
  const names = new Map<string, Promise<string>>();

  async function isThere(server: string, name: string): Promise<boolean> {
    const found = await pools.query(
      maintenance(server),
      `select from pg_database where datname = ${quoteText(name)} and datistemplate`,
    );
    return found.length > 0;
  }

  /** Every block is copied for each tenant. Tables that all databases of the server share are left out, as this locks. */
  async function compact(place: Database): Promise<void> {
    const own = `select string_agg(oid::regclass::text, ', ') as tables from pg_class where relkind = 'r' and not relisshared`;
    const [found] = await pools.query(place, own);
    await pools.query(place, `vacuum full ${found?.['tables']}`);
  }

  async function make(server: string, name: string, contents: Contents): Promise<void> {
    const unfinished = `${prefix}${unfinishedSince(Date.now())}`;
    const on = maintenance(server);
    await pools.query(on, `create database ${quoteName(unfinished)} template template0`);
    await pools.query(on, `comment on database ${quoteName(unfinished)} is ${quoteText(mark)}`);
    const place = { server, database: unfinished };
    try {
      await pools.query(place, ['set local search_path to public', ...contents.statements].join(';\n'));
      await compact(place);
      await pools.close(place);
      await disconnectAll(pools, on, unfinished);
      await pools.query(on, `alter database ${quoteName(unfinished)} rename to ${quoteName(name)}`);
    } catch (error) {
      await pools.close(place);
      await dropDatabase(pools, on, unfinished);
      // Another process has created it meanwhile.
      if (!isTaken(error, 'database')) throw error;
    }
    await pools.query(on, `alter database ${quoteName(name)} is_template true`);
  }

  async function dropOthers(server: string, name: string): Promise<void> {
    const others = await pools.query(
      maintenance(server),
      `select datname as name, datistemplate as finished from pg_database where starts_with(datname, ${quoteText(prefix)})
       and datname <> ${quoteText(name)} and pg_get_userbyid(datdba) = current_user
       and coalesce(shobj_description(oid, 'pg_database'), ${quoteText(mark)}) = ${quoteText(mark)}`,
    );
    for (const { name: other, finished } of others as { name: string; finished: boolean }[]) {
      if (!finished && !isAbandoned(other.slice(prefix.length), Date.now())) continue;
      const quoted = quoteName(other);
      if (finished) await pools.query(maintenance(server), `alter database ${quoted} is_template false`);
      await dropDatabase(pools, maintenance(server), other);
      const reason = finished ? 'outdated' : 'unfinished';
      publish('omnitenant:orm:template-dropped', () => ({ server, database: other, reason }));
    }
  }

  async function ready(server: string, contents: Contents): Promise<string> {
    const name = `${prefix}${contents.digest}`;
    if (!(await isThere(server, name))) {
      await make(server, name, contents);
      // A template that is being copied, or that another process has dropped, is left to the next time.
      await dropOthers(server, name).catch(() => {});
    }
    return name;
  }

  return {
    of(server, contents) {
      const key = keyOf(server, contents);
      const name = names.get(key) ?? ready(server, contents);
      names.set(key, name);
      name.catch(() => names.delete(key));
      return name;
    },
    isGone(server, contents) {
      names.delete(keyOf(server, contents));
    },
  };
}

function keyOf(server: string, { digest }: Contents): string {
  return JSON.stringify([server, digest]);
}

/**
 * Ends what is still connected to a database, which can be renamed, copied or dropped only without: a pooler keeps connections that
 * nobody uses.
 */
export async function disconnectAll(pools: Pools, on: Database, database: string): Promise<void> {
  await pools.query(
    on,
    `select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = ${quoteText(database)} and pid <> pg_backend_pid()`,
  );
}

/** The suffix of an incomplete template's name; short enough for a name in PostgreSQL behind the longest prefix. */
function unfinishedSince(now: number): string {
  return `${now.toString(36)}_${randomBytes(2).toString('hex')}`;
}

/** Whether it was begun so long ago that the process must be gone. */
function isAbandoned(rest: string, now: number): boolean {
  const since = /^([0-9a-z]{8})_[0-9a-f]{4}$/.exec(rest)?.[1];
  return since !== undefined && now - Number.parseInt(since, 36) > abandonedAfterMs;
}

const abandonedAfterMs = 3_600_000;
