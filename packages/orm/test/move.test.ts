import type { MoveStep } from '@omnitenant/core';
import { plainDatabase } from '@omnitenant/tooling';
import pg from 'pg';
import { expect, test, vi } from 'vitest';
import { Author } from '../src/testing/library.ts';
import { open, sql, storage } from './fixtures/moving.ts';

test('what a transaction has written comes along when it is committed after the move has begun', async () => {
  await using database = await plainDatabase();
  await using app = await open(database);
  await app.tenants.create({ id: 'acme' });
  const sealing = Promise.withResolvers<void>();
  const moving = sealing.promise;
  let moved: Promise<unknown> | undefined;
  await app.tenancy.run('acme', () =>
    app.orm.em.transactional(async (em) => {
      await em.insert(Author, { name: 'under way' });
      const onProgress = ({ step }: { readonly step: MoveStep }) => step === 'seal' && sealing.resolve();
      moved = app.tenancy.outside(() =>
        app.tenants.move('acme', { isolation: 'database' }, { onProgress: (at) => void onProgress(at) }),
      );
      await moving;
    }),
  );
  await moved;
  expect(await app.authors('acme')).toEqual(['under way']);
});

test('a scope that still holds the former place writes nothing there, and reads nothing once that is gone', async () => {
  await using database = await plainDatabase();
  await using app = await open(database);
  await app.tenants.create({ id: 'acme' });
  await app.write('acme', 'before');
  await app.tenancy.run('acme', async () => {
    const em = app.orm.em.fork();
    const stale = { write: () => em.insert(Author, { name: 'lost' }), read: () => em.count(Author) };
    await app.tenants.move(
      'acme',
      { isolation: 'database' },
      {
        onProgress: ({ step }) => {
          if (step === 'drop') late = stale.write().catch((error: unknown) => error);
        },
      },
    );
    expect(await late).toMatchObject({ code: expect.stringMatching(/TENANT_MOVING|TENANT_OUTDATED/) });
    await expect(stale.read()).rejects.toMatchObject({
      code: 'TENANT_OUTDATED',
      message: expect.stringContaining('was moved'),
    });
  });
  expect(await app.authors('acme')).toEqual(['before']);
  // Nobody else gets the names of the former place.
  await app.tenants.remove('acme');
  expect((await app.tenants.create({ id: 'acme' })).placement['schema']).toBe('t_acme_2');
});
let late: Promise<unknown> | undefined;

test('a value that is taken from a sequence while rows are copied is not given again', async () => {
  await using database = await plainDatabase();
  await using app = await open(database);
  await app.tenants.create({ id: 'acme' });
  await app.write('acme', 'first');
  const next = () => sql(database.url, `select nextval('t_acme.author_id_seq')::int as id`);
  let taken: ReturnType<typeof next> | undefined;
  const client = new pg.Client(database.url);
  await client.connect();
  await client.query('begin; lock table t_acme.author in access exclusive mode');
  const moved = app.tenants.move(
    'acme',
    { isolation: 'database' },
    {
      onProgress: ({ step }) => {
        if (step === 'copy') taken = next();
      },
    },
  );
  await client.query('commit');
  await client.end();
  await moved;
  const [second] = (await taken) ?? [];
  await app.write('acme', 'third');
  const ids = await app.tenancy.run('acme', () =>
    app.orm.em.execute<{ id: number }[]>('select id from author order by id'),
  );
  expect(ids.at(-1)?.id).toBe(Number(second?.['id']) + 1);
});

test('a table that is made while the rest is copied is not lost', async () => {
  await using database = await plainDatabase();
  await using app = await open(database);
  await app.tenants.create({ id: 'acme' });
  const moveWith = async (at: MoveStep) => {
    let made: Promise<unknown> | undefined;
    const onProgress = ({ step }: { readonly step: MoveStep }) => {
      if (step === at) made = sql(database.url, 'create table t_acme.own as select 1 as id');
    };
    const moved = app.tenants.move('acme', { isolation: 'database' }, { onProgress });
    await expect(moved).rejects.toMatchObject({ code: 'MOVE_FAILED', message: expect.stringContaining('table "own"') });
    await made;
    expect(await sql(database.url, 'select * from t_acme.own')).toEqual([{ id: 1 }]);
    await sql(database.url, 'drop table t_acme.own');
  };
  await moveWith('copy');
  await app.write('acme', 'where it was');
  expect(await storage(database)).toEqual(['t_acme']);
  await moveWith('switch');
  await app.write('acme', 'at its new place');
  await app.tenants.move('acme');
  expect(await app.authors('acme')).toEqual(['at its new place', 'where it was']);
  expect(await storage(database)).toEqual([`${database.name}_acme`]);
});

test('a tenant of shared tables takes no value from what others have there', async () => {
  await using database = await plainDatabase();
  await using app = await open(database);
  for (const id of ['acme', 'birch']) await app.tenants.create({ id, isolation: 'row' });
  for (const id of ['acme', 'birch', 'birch']) await app.write(id, `of ${id}`);
  await app.tenants.move('acme', { isolation: 'schema' });
  await app.write('acme', 'later');
  const ids = await app.tenancy.run('acme', () => app.orm.em.execute('select id from author order by id'));
  expect(ids).toEqual([{ id: 1 }, { id: 2 }]);
});

test('a move that fails, or is interrupted, is undone: the tenant is where it was, and is written to', async () => {
  await using database = await plainDatabase();
  await using app = await open(database);
  await app.tenants.create({ id: 'acme' });
  await app.write('acme', 'first');
  // Enough to be copying for longer than it takes to end that.
  await sql(database.url, 'insert into t_acme.tag (name) select n::text from generate_series(1, 50000) n');
  const onto = `${database.name}_acme`;
  const ends = `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${onto}' and xact_start is not null`;
  const died = app.tenants.move(
    'acme',
    { isolation: 'database' },
    {
      onProgress: ({ step }) => {
        if (step === 'copy')
          dying = vi.waitFor(async () => expect(await sql(database.url, ends)).not.toEqual([]), {
            interval: 5,
          });
      },
    },
  );
  await expect(died).rejects.toBeInstanceOf(Error);
  await dying;
  const stop = new AbortController();
  const interrupted = app.tenants.move(
    'acme',
    { isolation: 'database' },
    {
      signal: stop.signal,
      onProgress: ({ step }) => {
        if (step === 'copy') stop.abort();
      },
    },
  );
  await expect(interrupted).rejects.toMatchObject({
    code: 'MOVE_FAILED',
    message: expect.stringContaining('is undone'),
  });
  await app.write('acme', 'second');
  expect(await storage(database)).toEqual(['t_acme']);
  expect(await app.tenants.move('acme', { isolation: 'database' })).toMatchObject({ isolation: 'database' });
  expect(await app.authors('acme')).toEqual(['first', 'second']);
});
let dying: Promise<unknown> | undefined;

test('the others that share tables are served while one of them is moved, and when it has left, by new processes too', async () => {
  await using database = await plainDatabase();
  await using app = await open(database);
  for (const id of ['acme', 'birch']) {
    await app.tenants.create({ id, isolation: 'row' });
    await app.write(id, 'before');
  }
  async function faults(): Promise<string[]> {
    const fresh = await open(database);
    await fresh.write('birch', 'by another process');
    const schemas = await fresh.orm.sharedTables.examine();
    await fresh.tenancy.close();
    served += 1;
    return schemas.flatMap(({ open: faulty, closed }) => [...faulty, ...closed]);
  }
  let served = 0;
  const looked: Promise<string[]>[] = [];
  const stop = new AbortController();
  const signal = stop.signal;
  const onProgress = ({ step }: { readonly step: MoveStep }) => {
    if (step !== 'copy') return;
    stop.abort();
    looked.push(faults());
  };
  // Undone, it is written to again.
  await expect(app.tenants.move('acme', { isolation: 'schema' }, { signal, onProgress })).rejects.toThrow('is undone');
  await app.write('acme', 'after');
  expect(await app.authors('acme')).toEqual(['after', 'before']);
  await app.tenants.move('acme', { isolation: 'schema' }, { onProgress });
  expect(await Promise.all([...looked, faults()])).toEqual([[], [], []]);
  expect(served).toBe(3);
});

test('rows whose keys are taken in shared tables are not moved there', async () => {
  await using database = await plainDatabase();
  await using app = await open(database);
  await app.tenants.create({ id: 'acme' });
  await app.tenants.create({ id: 'birch', isolation: 'row' });
  for (const id of ['acme', 'birch']) await app.write(id, `of ${id}`);
  await expect(app.tenants.move('acme', { isolation: 'row' })).rejects.toThrow('keys that are taken');
  for (const id of ['acme', 'birch']) {
    await app.write(id, `again of ${id}`);
    expect(await app.authors(id)).toEqual([`again of ${id}`, `of ${id}`]);
  }
});

test('a process that another has taken the move over from changes nothing any more', async () => {
  await using database = await plainDatabase();
  await using app = await open(database);
  await app.tenants.create({ id: 'acme' });
  const client = new pg.Client(database.url);
  await client.connect();
  let taken: Promise<unknown> | undefined;
  const moved = app.tenants.move(
    'acme',
    { isolation: 'database' },
    {
      onProgress: ({ step }) => {
        if (step === 'copy') taken = client.query(`update central.omnitenant_move set token = 'another'`);
      },
    },
  );
  await expect(moved).rejects.toMatchObject({ code: 'TENANT_BUSY' });
  await taken;
  await client.end();
  expect(await app.tenants.get('acme')).toMatchObject({ isolation: 'schema' });
  // Who takes it over destroys what is left.
  expect(await storage(database)).toEqual([`${database.name}_acme`, 'move of acme', 't_acme'].sort());
  await app.tenants.undoMove('acme');
  expect(await storage(database)).toEqual(['t_acme']);
  await app.write('acme', 'of acme');
});

test('a tenant with one row goes on behind it in other shared tables', async () => {
  await using database = await plainDatabase();
  await using app = await open(database);
  await app.tenants.create({ id: 'acme', isolation: 'row' });
  await app.write('acme', 'first');
  await app.tenants.move('acme', { placement: { schema: 'others' } });
  await app.write('acme', 'second');
  expect(await app.authors('acme')).toEqual(['first', 'second']);
});

test('storage that is kept can be written to, and nothing else is left of a move that was cut short', async () => {
  await using database = await plainDatabase();
  await using app = await open(database);
  await app.tenants.create({ id: 'acme' });
  const client = new pg.Client(database.url);
  await client.connect();
  let dies: Promise<unknown> | undefined;
  const onProgress = ({ step }: { readonly step: MoveStep }) => {
    if (step !== 'copy') return;
    const seal = `create function t_acme.omnitenant_moving_lost() returns trigger language plpgsql as $$ begin raise exception using errcode = 'OMMOV'; end $$;
      create trigger lost before insert on t_acme.author execute function t_acme.omnitenant_moving_lost()`;
    dies = client.query(`update central.omnitenant_move set token = 'another'; ${seal}`);
  };
  await expect(app.tenants.move('acme', { isolation: 'database' }, { onProgress })).rejects.toThrow();
  await dies;
  await client.end();
  await expect(app.write('acme', 'refused')).rejects.toMatchObject({ code: 'TENANT_MOVING' });
  await app.tenants.remove('acme', { keepStorage: true });
  expect(await storage(database)).toEqual(['t_acme']);
  await app.tenants.adopt({ id: 'acme', placement: { schema: 't_acme' } });
  await app.write('acme', 'again');
  expect(await app.authors('acme')).toEqual(['again']);
  await app.tenants.remove('acme');
  await sql(database.url, 'drop schema t_acme cascade');
});

test('what cannot be moved is refused before anything is made', async () => {
  await using database = await plainDatabase();
  await using app = await open(database);
  const { tenants } = app;
  await tenants.create({ id: 'acme' });
  await expect(tenants.move('nobody', { isolation: 'database' })).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });
  await expect(tenants.move('acme')).rejects.toMatchObject({ code: 'TRANSITION_REFUSED' });
  await expect(tenants.move('acme', {})).rejects.toMatchObject({ code: 'TRANSITION_REFUSED' });
  await expect(tenants.move('acme', { isolation: 'planet' })).rejects.toMatchObject({ code: 'ISOLATION_UNKNOWN' });
  await expect(tenants.move('acme', { placement: { server: 'nowhere' } })).rejects.toMatchObject({
    code: 'TENANT_INVALID',
  });
  app.tenancy.signals.on('moving', () => Promise.reject(new Error('not on a Friday')));
  await expect(tenants.move('acme', { isolation: 'database' })).rejects.toMatchObject({ code: 'VETOED' });
  expect(await storage(database)).toEqual(['t_acme']);
});

test('a transaction that makes a table at the old place is waited for, and its table is not lost', async () => {
  await using database = await plainDatabase();
  await using app = await open(database);
  await app.tenants.create({ id: 'acme' });
  await app.write('acme', 'first');
  const client = new pg.Client(database.url);
  await client.connect();
  let makes: Promise<unknown> | undefined;
  const onProgress = ({ step }: { readonly step: MoveStep }) => {
    if (step === 'switch') makes = client.query('begin; create table t_acme.own as select 1 as id');
  };
  const moved = app.tenants.move('acme', { isolation: 'database' }, { onProgress });
  await expect(moved).rejects.toMatchObject({
    code: 'MOVE_FAILED',
    message: expect.stringContaining('is at its new place'),
  });
  await makes;
  await app.write('acme', 'at its new place');
  const again = app.tenants.move('acme');
  const looks = `select from pg_stat_activity where datname = current_database() and starts_with(query, 'select from pg_locks') and pid <> pg_backend_pid()`;
  await vi.waitFor(async () => expect(await sql(database.url, looks)).not.toEqual([]));
  await client.query('commit');
  await client.end();
  await expect(again).rejects.toThrow('the table "own" was made there');
  expect(await sql(database.url, 'select * from t_acme.own')).toEqual([{ id: 1 }]);
  await sql(database.url, 'drop table t_acme.own');
  await app.tenants.move('acme');
  expect(await app.authors('acme')).toEqual(['at its new place', 'first']);
  expect(await storage(database)).toEqual([`${database.name}_acme`]);
});

test('what uses the old place for too long is named as what keeps it there', async () => {
  await using database = await plainDatabase();
  await using app = await open(database);
  await app.tenants.create({ id: 'acme' });
  const client = new pg.Client(database.url);
  await client.connect();
  await client.query('begin; select from t_acme.author');
  await expect(app.tenants.move('acme', { isolation: 'database' })).rejects.toMatchObject({
    code: 'MOVE_FAILED',
    message: expect.stringContaining('a transaction there runs for too long'),
  });
  await client.end();
  await app.tenants.move('acme');
  expect(await storage(database)).toEqual([`${database.name}_acme`]);
});
