import type { TenancyErrorCode } from '@omnitenant/core';

/** The statements of the suite that are written differently on each database. An empty list says that the database has none, and its case is skipped. */
export interface SuiteDialect {
  /** Make the tables `author`, `book`, `tag` and `book_tags` of the suite's entities, and what `routine` calls. */
  readonly tables: readonly string[];
  /** Makes the table `country`, whose key is the text `code`. */
  readonly countries: string;
  /** Selects the `name` of each author, and fails if its one parameter is 1. */
  readonly failing: { readonly sql: string; readonly error: RegExp };
  /** The error of a table that is not there. */
  readonly noTable: RegExp;
  /** How Kysely is refused a schema that it names: by omnitenant, or by the database. */
  readonly otherSchema: TenancyErrorCode | RegExp;
  /** Select the `name` of each author by a routine that the tenant's database stores. */
  readonly routine: readonly string[];
  /** What omnitenant refuses to send, with STATEMENT_REFUSED. */
  readonly refused: readonly string[];
  /** Begin, fail and leave settings behind, one after the other in one scope. Each may be refused. */
  readonly poison: readonly string[];
  /** What begins, ends and fails in one text, and the errors of a database that takes one statement. */
  readonly several: { readonly sql: string; readonly refused: RegExp | undefined };
  /** Whether a statement is refused with SCOPE_ENDED after its scope, because its session is the scope's. */
  readonly endsWithScope: boolean;
  /** Statements that leave something in their session. */
  readonly traces: readonly string[];
  /** Selects a row of what may be left, each column of which is true, or 1, where it is not. */
  readonly clean: string;
  /** Wait for rows of the client, who sends none. */
  readonly fromClient: readonly string[];
  /** A table that tenants do not have, and how central makes and drops it where it does not have it anyway. */
  readonly elsewhere: { readonly table: string; readonly make?: string; readonly drop?: string };
  /** Select the `database` and the `schema` that an unqualified name is looked for in. */
  readonly location: readonly string[];
  /** The cases that do not apply, by name, each with the reason that the runner shows. */
  readonly skip: readonly SkippedCase[];
}

/** A case that does not apply. */
export interface SkippedCase {
  readonly test: string;
  readonly reason: string;
}

export const postgresql: SuiteDialect = {
  tables: [
    'create table author (id serial primary key, name text not null)',
    'create table book (id serial primary key, title text not null, author_id int not null references author)',
    'create table tag (id serial primary key, name text not null)',
    'create table book_tags (book_id int references book on delete cascade, tag_id int references tag, primary key (book_id, tag_id))',
    `create function author_names() returns setof text language sql stable as 'select name from author'`,
  ],
  countries: 'create table country (code text primary key, name text not null)',
  failing: { sql: 'select name, 1 / (1 - ?) as n from author', error: /division by zero/ },
  noTable: /does not exist/,
  otherSchema: 'SCHEMA_REFUSED',
  routine: ['select name from author_names() as name'],
  refused: ['vacuum author', 'create index concurrently on author (name)'],
  poison: ['begin', 'begin; select 1/0', 'set search_path to nowhere'],
  // Where tenants have roles, a message is one statement.
  several: { sql: 'select 1; commit; select name from author; select 1 / 0', refused: undefined },
  endsWithScope: false,
  traces: [
    'set statement_timeout to 7654',
    'select pg_advisory_lock(7654)',
    'prepare of_somebody as select 1',
    'create temporary table scratch as select name from author',
    "create temporary table author as select 1 as id, 'temporary' as name",
  ],
  clean: `select current_setting('statement_timeout') <> '7654ms' as set,
    not exists (select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and objid = 7654) as locked,
    not exists (select from pg_prepared_statements where name = 'of_somebody') as prepared,
    to_regclass('scratch') is null and to_regclass('pg_temp.scratch') is null as made`,
  fromClient: ['copy author from stdin', 'copy author (name) from stdin with csv'],
  elsewhere: {
    table: 'elsewhere',
    make: 'create table public.elsewhere (name text); create table elsewhere ()',
    drop: 'drop table public.elsewhere; drop table elsewhere',
  },
  location: ['select current_database() as database, current_schema() as schema'],
  skip: [],
};
