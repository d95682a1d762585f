import { describe, expect, test } from 'vitest';
import { codeMigration, fillCountries, migration, rowApplication } from './fixtures/row-application.ts';

const base = migration('Base', [
  'create table country (code text primary key, name text not null)',
  'create table task (id serial primary key, title text not null, code text)',
  `create function touched() returns trigger language plpgsql as $$ begin new.title := new.title || '!'; return new; end $$`,
]);

/** What a migration makes: its statements, and what two tenants with the same values may do with it afterwards. */
interface Subject {
  readonly up: readonly string[];
  /** Sent in each of two tenants: it has to succeed in both, as in a schema of their own. */
  readonly writes?: readonly string[];
  /** What each of them reads then, where it is not `undefined`. */
  readonly reads?: readonly [sql: string, rows: number];
  /** A second time in one tenant: a key of its own holds. */
  readonly holds?: string;
  /** Refused in shared tables, in these words. */
  readonly refused?: RegExp;
  /** Cannot run in a transaction. */
  readonly alone?: boolean;
}

const subjects: Readonly<Record<string, Subject>> = {
  'a table': {
    up: ['create table note (id serial primary key, body text)'],
    writes: [`insert into note (body) values ('mine')`],
    reads: ['select * from note', 1],
  },
  'a partitioned table': {
    up: [
      'create table event (region text not null, code text not null) partition by list (region)',
      `create table event_eu partition of event for values in ('eu')`,
      'create unique index event_code on event (region, code)',
    ],
    writes: [`insert into event values ('eu', 'a')`],
    reads: ['select * from event', 1],
    holds: `insert into event values ('eu', 'a')`,
  },
  'a view': {
    up: ['create view open_task as select title from task'],
    reads: ['select * from open_task', 1],
  },
  'a materialized view': {
    up: ['create materialized view all_tasks as select title from task'],
    refused: /"?rows"?\.all_tasks: it is a materialized view/,
  },
  'an index': { up: ['create index task_title on task (title)'] },
  'a unique index': {
    up: ['create unique index task_title on task (title)'],
    writes: [`insert into task (title) values ('other')`],
    holds: `insert into task (title) values ('other')`,
  },
  'a unique index, concurrently': {
    up: ['create unique index concurrently task_title on task (title)'],
    writes: [`insert into task (title) values ('other')`],
    holds: `insert into task (title) values ('other')`,
    alone: true,
  },
  'a unique constraint': {
    up: ['alter table task add constraint task_key unique nulls not distinct (title, code)'],
    writes: [`insert into task (title) values ('other')`],
    holds: `insert into task (title) values ('other')`,
  },
  'a foreign key to a generated key': {
    up: ['create table part (id serial primary key, task_id int references task (id) on delete cascade)'],
    writes: ['insert into part (task_id) select id from task'],
    reads: ['select * from part', 1],
  },
  'a foreign key to a chosen key': {
    up: ['alter table task add constraint task_country foreign key (code) references country (code) on update cascade'],
    writes: [`insert into task (title, code) values ('abroad', 'de')`],
    holds: `insert into task (title, code) values ('nowhere', 'xx')`,
  },
  'a foreign key of a column': {
    up: ['create table city (name text primary key, code text not null references country)'],
    writes: [`insert into city values ('Bonn', 'de')`],
    reads: ['select * from city', 1],
    holds: `insert into city values ('Bonn', 'de')`,
  },
  'an exclusion constraint': {
    up: ['create table slot (during int4range, exclude using gist (during with &&))'],
    refused: /btree_gist/,
  },
  'a sequence': {
    up: ['create sequence number'],
    reads: [`select nextval('number')`, 1],
  },
  'an enum': {
    up: [`create type mood as enum ('good', 'bad')`, `alter table task add column mood mood default 'good'`],
    reads: [`select * from task where mood = 'good'`, 1],
  },
  'an extension': { up: ['create extension if not exists plpgsql'] },
  'a trigger': {
    up: ['create trigger touch before insert on task for each row execute function touched()'],
    writes: [`insert into task (title) values ('touched')`],
    reads: [`select * from task where title = 'touched!'`, 1],
  },
  'changed rows': {
    up: [`update task set title = upper(title)`],
    reads: [`select * from task where title = 'SAME'`, 1],
  },
  'moved rows': {
    up: [
      'create table label (id serial primary key, country text references country (code), name text)',
      'insert into label (country, name) select code, name from country',
    ],
    reads: ['select * from label', 1],
  },
  'rows from nothing': {
    up: [`insert into country values ('at', 'Austria')`],
    refused: /belong to none of those that share the table/,
  },
  'a table from rows': {
    up: ['create table copied as select * from task'],
    refused: /mix their rows/,
  },
  'a security definer function': {
    up: ['create function peek() returns bigint language sql security definer as $$ select count(*) from rows.task $$'],
    refused: /security definer/,
  },
  'a rule': {
    up: ['create rule doubled as on insert to task do also select * from task'],
    refused: /has a rule/,
  },
};

const forms = {
  transactional: (up: readonly string[]) => migration('Next', up),
  'non-transactional': (up: readonly string[]) => migration('Next', up, false),
  'run as code': (up: readonly string[]) =>
    codeMigration('Next', async (send) => {
      for (const statement of up) await send(statement);
    }),
};

describe.each(Object.keys(forms) as (keyof typeof forms)[])('a migration that is %s', (form) => {
  test.each(Object.entries(subjects).filter(([, { alone }]) => !alone || form === 'non-transactional'))(
    'makes %s on live data as on an empty database, and each tenant has its own',
    async (_, { up, writes = [], reads, holds, refused }) => {
      const next = forms[form](up);
      await using app = await rowApplication();
      await fillCountries(app, base);
      await using live = await app.start([base, next]);
      const report = await live.orm.migrations.up();
      const failure = report.failed.map(({ error }) => error.message).join();
      if (refused) {
        expect(failure).toMatch(refused);
        await using empty = await rowApplication();
        await using first = await empty.start([base, next]);
        await expect(first.tenancy.tenants.create({ id: 'acme' })).rejects.toMatchObject({
          cause: { message: expect.stringMatching(refused) },
        });
      } else {
        expect(failure).toBe('');
        for (const id of ['acme', 'bloom']) for (const write of writes) await live.sql(id, write);
        for (const id of ['acme', 'bloom']) {
          if (reads) expect(await live.sql(id, reads[0])).toHaveLength(reads[1]);
          if (holds) await expect(live.sql(id, holds)).rejects.toThrow(/duplicate key|foreign key/);
        }
        await using later = await app.start([base, next]);
        await later.tenancy.tenants.create({ id: 'coral' });
        expect(await later.sql('coral', 'select * from task')).toEqual([]);
      }
      for (const id of ['acme', 'bloom']) {
        expect(await live.sql(id, 'select name from country')).toEqual([{ name: `of ${id}` }]);
      }
    },
  );

  test('leaves nothing open where it fails', async () => {
    const next = forms[form]([
      'create table note (body text)',
      'alter table task disable row level security',
      'select 1 / 0',
    ]);
    await using app = await rowApplication();
    await fillCountries(app, base);
    await using live = await app.start([base, next]);
    expect((await live.orm.migrations.up()).failed).toHaveLength(1);
    for (const id of ['acme', 'bloom']) {
      expect(await live.sql(id, 'select name from country')).toEqual([{ name: `of ${id}` }]);
      expect(await live.sql(id, 'select title from task')).toEqual([{ title: 'same' }]);
    }
  });
});

test('a migration that commits and then fails leaves protected what it has made', async () => {
  const next = codeMigration('Next', async (send) => {
    await send('create table note (id serial primary key, body text)');
    await send('commit');
    await send('create table later (id serial primary key, body text)');
    throw new Error('for any reason');
  });
  await using app = await rowApplication();
  await fillCountries(app, base);
  await using live = await app.start([base, next]);
  expect((await live.orm.migrations.up()).failed).toHaveLength(1);
  for (const table of ['note', 'later']) {
    await live.sql('acme', `insert into ${table} (body) values ('private')`);
    expect(await live.sql('bloom', `select * from ${table}`)).toEqual([]);
  }
});
