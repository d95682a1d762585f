import { expect, test } from 'vitest';
import { fillCountries, migration, rowApplication } from './fixtures/row-application.ts';

const base = migration('Base', [
  'create table country (code text primary key, name text not null)',
  'create table task (id serial primary key, title text not null, code text)',
]);

interface Key {
  readonly up: readonly string[];
  /** Each tenant may do this once. */
  readonly once: readonly string[];
  /** What the key refuses to a tenant, when it has done that. */
  readonly refused?: readonly string[];
  /** The first version of PostgreSQL that has it, by its number. */
  readonly since?: number;
}

const keys: Readonly<Record<string, Key>> = {
  'a constraint made of an index that is there': {
    up: [
      'create unique index by_title on task (title)',
      'alter table task add constraint by_title unique using index by_title',
    ],
    once: [`insert into task (title) values ('other')`],
  },
  'an index of an expression, with a condition and included columns': {
    up: ['create unique index by_title on task (lower(title) desc nulls last) include (code) where code is null'],
    once: [`insert into task (title) values ('Other')`],
  },
  'an index with an operator class and a collation': {
    up: ['create unique index by_title on task (title collate "C" text_pattern_ops) with (fillfactor = 70)'],
    once: [`insert into task (title) values ('other')`],
  },
  'a deferrable key': {
    up: [
      'alter table task add constraint by_title unique (title, id) deferrable initially deferred',
      'alter table country add constraint by_name unique (name) deferrable',
    ],
    once: [`insert into country values ('at', 'Austria')`],
  },
  'a generated column': {
    up: [
      'alter table task add column short text generated always as (left(title, 3)) stored',
      'create unique index by_short on task (short)',
    ],
    once: [`insert into task (title) values ('other')`],
  },
  'a domain': {
    up: [
      'create domain label as text check (value <> $$$$)',
      'create table tag (name label primary key)',
      'create table tagged (tag label references tag)',
    ],
    once: [`insert into tag values ('new')`],
  },
  'a copy of a table’s form': {
    up: ['create table archived (like country including all)'],
    once: [`insert into archived values ('de', '')`],
  },
  'an inherited table': {
    up: [
      'create table place (code text not null unique)',
      'create table city (mayor text) inherits (place)',
      'create unique index by_mayor on city (mayor)',
    ],
    once: [`insert into city (code, mayor) values ('b', 'ann')`],
  },
  'a partition that was a table of its own': {
    up: [
      'create table event (region text not null, code text not null, primary key (region, code)) partition by list (region)',
      'create table event_eu (region text not null, code text not null, primary key (region, code))',
      `alter table event attach partition event_eu for values in ('eu')`,
    ],
    once: [`insert into event values ('eu', 'a')`],
  },
  'a partition of a partition': {
    up: [
      'create table event (region text not null, year int not null, code text not null) partition by list (region)',
      `create table event_eu partition of event for values in ('eu') partition by range (year)`,
      'create table event_eu_2026 partition of event_eu for values from (2026) to (2027)',
      'alter table event add primary key (region, year, code)',
    ],
    once: [`insert into event values ('eu', 2026, 'a')`],
  },
  'a reference to itself': {
    up: [
      'alter table country add column part_of text references country (code) on delete set null deferrable',
      `create table node (name text primary key, parent text references node)`,
    ],
    once: [`insert into node values ('a', 'a')`],
  },
  'a key that is renamed and replaced': {
    up: [
      'alter table country rename constraint country_pkey to by_code',
      'alter table country rename column code to iso',
      'alter table country drop constraint by_code',
      'alter table country add primary key (iso)',
    ],
    once: [`insert into country (iso, name) values ('at', '')`],
  },
  'a reference that is not valid, and validated later': {
    up: [
      'alter table task add constraint of_country foreign key (code) references country not valid',
      'alter table task validate constraint of_country',
      'create unique index by_title on task (title)',
    ],
    once: [`insert into task (title, code) values ('other', 'de')`],
  },
  'a reference that names no columns, and says what is done': {
    up: [
      'alter table task add constraint of_country foreign key (code) references country on update cascade on delete set null deferrable',
      'create table city (name text primary key, code text references country on delete cascade)',
    ],
    once: [`insert into city values ('Bonn', 'de')`],
  },
  'names that have to be quoted': {
    up: [
      'create table "Order (x)" ("the, key" text primary key, "a""b" text unique)',
      'create table line ("order" text references "Order (x)" ("the, key"))',
    ],
    once: [`insert into "Order (x)" values ('1', '2')`],
  },
  'a period without overlaps, and a reference to it': {
    since: 18,
    up: [
      'create extension if not exists btree_gist',
      'create table room (name text, during int4range, primary key (name, during without overlaps))',
      `create table booking (id serial, room text, during int4range, unique (room, during without overlaps),
        foreign key (room, period during) references room (name, period during))`,
      'create table stay (id uuid default gen_random_uuid(), during int4range, primary key (id, during without overlaps))',
      'alter table booking add column stay uuid, add foreign key (stay, period during) references stay',
    ],
    once: [`insert into room values ('blue', '[1,9)')`, `insert into booking (room, during) values ('blue', '[2,3)')`],
    refused: [
      `insert into booking (room, during) values ('blue', '[8,12)')`,
      `insert into room values ('blue', '[4,5)')`,
    ],
  },
  'a reference that is not enforced': {
    since: 18,
    up: [
      'alter table task add constraint of_country foreign key (code) references country not enforced',
      'create table city (name text primary key, code text references country on delete cascade not enforced)',
    ],
    once: [`insert into city values ('Bonn', 'nowhere')`],
  },
};

test.for(Object.entries(keys))(
  '%s is one for each tenant, on live data as on an empty database',
  async ([, { up, once, refused = [], since = 0 }], { skip }) => {
    const next = migration('Next', up);
    await using app = await rowApplication();
    const [{ server_version_num: version } = {}] = await app.admin('show server_version_num');
    skip(Number(version) < since * 10_000, `PostgreSQL ${since} has it`);
    await fillCountries(app, base);
    await using live = await app.start([base, next]);
    expect((await live.orm.migrations.up()).failed.map(({ error }) => error.message)).toEqual([]);
    await using empty = await rowApplication();
    await using fresh = await empty.start([base, next]);
    for (const id of ['acme', 'bloom']) await fresh.tenancy.tenants.create({ id });
    for (const process of [live, fresh]) {
      if (process === fresh && once.some((sql) => sql.includes("'de'"))) {
        for (const id of ['acme', 'bloom'])
          await process.sql(id, `insert into country values ('de', '')`).catch(() => {});
      }
      for (const id of ['acme', 'bloom']) for (const sql of once) await process.sql(id, sql);
      for (const sql of once) await expect(process.sql('acme', sql)).rejects.toThrow(/duplicate key|conflicting key/);
      for (const sql of refused) await expect(process.sql('acme', sql)).rejects.toThrow(/violates/);
      expect(await process.orm.sharedTables.examine()).toMatchObject([{ open: [], closed: [] }]);
    }
  },
);
