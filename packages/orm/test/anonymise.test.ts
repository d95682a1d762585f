import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { zstdDecompressSync } from 'node:zlib';
import { type Collection, defineEntity, p } from '@mikro-orm/core';
import { defineConfig } from '@mikro-orm/postgresql';
import { type Anonymisation, createTenancy, type Tenancy } from '@omnitenant/core';
import { plainDatabase, type TestDatabase } from '@omnitenant/tooling';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type AnonymisationOptions, type Rule, replace, rulesFor } from '../src/index.ts';
import { createOrm, type Orm } from '../src/orm.ts';
import { migration } from './fixtures/row-application.ts';

const key = 'k'.repeat(43);
const isolations = ['schema', 'database', 'row'] as const;

const Address = defineEntity({
  name: 'Address',
  embeddable: true,
  properties: { street: p.string(), town: p.string() },
});
const Tag = defineEntity({ name: 'Tag', properties: { id: p.integer().primary(), label: p.string() } });
const Person = defineEntity({
  name: 'Person',
  properties: {
    email: p.string().primary(),
    name: p.string(),
    phone: p.string().nullable(),
    home: () => p.embedded(Address),
    notes: p.json().nullable(),
    boss: () => p.manyToOne(Person).nullable(),
    tags: () => p.manyToMany(Tag),
    greeting: p.string().persist(false),
  },
});
const Order = defineEntity({
  name: 'Order',
  tableName: 'purchase',
  properties: { id: p.integer().primary(), buyer: () => p.manyToOne(Person), contact: p.string(), total: p.integer() },
});
const entities = [Address, Tag, Person, Order];

const tables = migration('People', [
  'create table tag (id int primary key, label text not null)',
  `create table person (email varchar(40) primary key, name text not null, phone text, home_street text not null, home_town text not null,
    notes jsonb, boss_email varchar(40) references person on update cascade)`,
  'create table person_tags (person_email varchar(40) not null references person, tag_id int not null references tag, primary key (person_email, tag_id))',
  'create table purchase (id serial primary key, buyer_email varchar(40) not null references person, contact text not null, total int not null)',
  'create table raw_log (line text, level int)',
]);

const person = {
  email: replace.email,
  name: replace.name,
  phone: replace.phone,
  home: { street: replace.text, town: 'keep' },
  notes: replace.json((value) => ({ plan: (value as { plan: string }).plan })),
  boss: 'keep',
  greeting: 'keep',
} as const;
const order = { id: 'keep', buyer: 'keep', contact: replace.email, total: 'keep' } as const;
const raw = {
  person_tags: { person_email: 'keep', tag_id: 'keep' },
  raw_log: { line: replace.text, level: 'keep' },
} as const satisfies Record<string, Record<string, Rule>>;

function options(changes: Partial<AnonymisationOptions> = {}): AnonymisationOptions {
  return {
    key,
    entities: [rulesFor(Person, person), rulesFor(Order, order), rulesFor(Tag, { id: 'keep', label: 'keep' })],
    tables: raw,
    ...changes,
  };
}

/** Values that rules replace. */
const secrets = [
  ...['ada@acme.test', 'bob\\\\odd\ttab@acme.test', 'eve@acme.test'],
  ...['Ada Lovelace', 'Bob "B" Böhm', 'Eve\nNewline', '+44 20 7946 0001', 'St James Square 12', 'Rue de l’Été 7'],
  ...['diagnosis: flu', 'login from 192.0.2.7', 'Acme Secret Name', 'sk-config-secret', 'acme.customer.test'],
];

interface Site extends AsyncDisposable {
  readonly orm: Orm;
  readonly tenancy: Tenancy;
  sql(tenant: string, text: string): Promise<Record<string, unknown>[]>;
}

async function start(database: TestDatabase, migrations = [tables]): Promise<Site> {
  const orm = await createOrm(
    defineConfig({ clientUrl: database.url, entities, migrations: { migrationsList: migrations as never } }),
    { names: { database: (id) => `${database.name}_${id}` } },
  );
  const tenancy = createTenancy({ resources: [orm], verbs: { waitMs: 2_000 } });
  await tenancy.migrateCentral();
  return {
    orm: orm as unknown as Orm,
    tenancy,
    sql: (tenant, text) => tenancy.run(tenant, () => orm.em.execute(text)),
    async [Symbol.asyncDispose]() {
      for await (const { id } of tenancy.tenants.all()) await tenancy.tenants.remove(id);
      await tenancy.close();
    },
  };
}

async function fill({ tenancy, sql }: Site, id: string, isolation: string): Promise<void> {
  const config = { apiKey: 'sk-config-secret' };
  const domains = [`${id}.acme.customer.test`];
  await tenancy.tenants.create({ id, isolation, name: 'Acme Secret Name', config, domains });
  const [ada = '', bob = '', eve = ''] = [secrets[0], 'bob\\odd\ttab@acme.test', secrets[2]].map((text) => `'${text}'`);
  const people = [
    `(${ada}, 'Ada Lovelace', '+44 20 7946 0001', 'St James Square 12', 'London', '{"plan": "gold", "note": "diagnosis: flu"}', null)`,
    `(${bob}, 'Bob "B" Böhm', null, 'Rue de l’Été 7', 'Paris', null, ${ada})`,
    `(${eve}, e'Eve\\nNewline', null, 'St James Square 12', 'London', null, ${bob})`,
  ];
  await sql(id, `insert into person values ${people.join(', ')}`);
  await sql(id, "insert into tag values (1, 'vip'), (2, 'new')");
  await sql(id, `insert into person_tags values (${ada}, 1), (${bob}, 1), (${bob}, 2)`);
  const orders = [`(${ada}, ${ada}, 5)`, `(${bob}, ${eve}, 7)`];
  await sql(id, `insert into purchase (buyer_email, contact, total) values ${orders.join(', ')}`);
  await sql(id, "insert into raw_log values ('login from 192.0.2.7', 1), ('login from 192.0.2.7', 1), (null, 2)");
}

async function archiveOf({ tenancy }: Site, id: string, anonymise: Anonymisation): Promise<Buffer> {
  return buffer(await tenancy.tenants.export(id, { anonymise }));
}

/** Everything that a tenant has, as text. */
async function contents({ sql }: Site, id: string): Promise<string> {
  const all = await Promise.all(
    ['person', 'purchase', 'person_tags', 'tag', 'raw_log'].map((table) => sql(id, `select * from ${table}`)),
  );
  return JSON.stringify(all);
}

/** A value as JSON and COPY write it, too. */
const shapesOf = (secret: string) => [secret, JSON.stringify(secret).slice(1, -1)];

function expectNoSecret(text: string): void {
  for (const secret of secrets) for (const shape of shapesOf(secret)) expect(text).not.toContain(shape);
}

describe('an anonymised copy', () => {
  let database: TestDatabase;
  let site: Site;

  beforeAll(async () => {
    database = await plainDatabase();
    site = await start(database);
    for (const isolation of isolations) await fill(site, `from-${isolation}`, isolation);
    await site.tenancy.tenants.create({ id: 'other' });
    await site.sql('other', "insert into raw_log values ('canary of another tenant', 1)");
  });
  afterAll(async () => {
    await site[Symbol.asyncDispose]();
    await database.drop();
  });

  test.each(isolations.flatMap((one) => isolations.map((other) => [one, other] as const)))(
    'from isolation %s to isolation %s has nothing that a rule replaces, and all relations',
    async (source, isolation) => {
      const from = `from-${source}`;
      const id = `${source}-to-${isolation}`;
      // The search finds these values where they are.
      for (const secret of secrets.slice(3, 11)) {
        expect(shapesOf(secret).some((shape) => contents0.get(source)?.includes(shape))).toBe(true);
      }
      const archive = await archiveOf(site, from, site.orm.anonymisation(options()));
      const tar = zstdDecompressSync(archive).toString();
      expectNoSecret(tar);
      expect(tar).not.toContain(key);
      expect(tar).not.toContain('canary');
      const placement = isolation === 'row' ? { schema: `rows_${source}` } : {};
      const copy = await site.tenancy.tenants.import(Readable.from([archive]), { as: id, isolation, placement });
      expect(copy).toMatchObject({ id, name: from, config: {}, isolation });
      expect(await site.tenancy.tenants.domains(id)).toEqual([]);
      expectNoSecret(await contents(site, id));

      // Who is whose boss, who has bought what and which tags, joined by natural keys.
      const shape = `select p.home_town as town, b.home_town as boss, p.phone is null as no_phone, p.notes,
        (select array_agg(t.label order by 1) from person_tags x join tag t on t.id = x.tag_id where x.person_email = p.email) as tags,
        (select sum(total)::int from purchase where buyer_email = p.email) as bought,
        (select sum(total)::int from purchase where contact = p.email) as contact_of
        from person p left join person b on b.email = p.boss_email order by p.home_town, bought nulls last`;
      const notes = (rows: Record<string, unknown>[]) =>
        rows.map((row) => ({ ...row, notes: row['notes'] && { plan: (row['notes'] as { plan: string }).plan } }));
      expect(await site.sql(id, shape)).toEqual(notes(await site.sql(from, shape)));
      expect(await site.sql(id, 'select count(distinct line)::int as lines, count(*)::int as n from raw_log')).toEqual([
        { lines: 1, n: 3 },
      ]);
      await site.sql(id, "insert into purchase (buyer_email, contact, total) select email, '', 1 from person limit 1");
    },
  );
  const contents0 = new Map<string, string>();
  beforeAll(async () => {
    for (const isolation of isolations) contents0.set(isolation, await contents(site, `from-${isolation}`));
  });

  test('is the same for the same key, and another for another one', async () => {
    const rowsOf = async (changes: Partial<AnonymisationOptions>) => {
      const tar = zstdDecompressSync(await archiveOf(site, 'from-schema', site.orm.anonymisation(options(changes))));
      return tar.subarray(tar.indexOf('orm/manifest')).toString('latin1');
    };
    const first = await rowsOf({});
    expect(await rowsOf({})).toBe(first);
    expect(await rowsOf({ key: 'another key of more than 32 letters' })).not.toBe(first);
  });

  test('has of the record what is said, says that it is one, and is recorded as one', async () => {
    const anonymise = site.orm.anonymisation(
      options({ record: ({ isolation }) => ({ name: 'Copy', config: { isolation } }) }),
    );
    const events: unknown[] = [];
    const off = site.tenancy.signals.on('exported', ({ anonymised }) => void events.push(anonymised));
    const archive = await archiveOf(site, 'from-schema', anonymise);
    off();
    expect(events).toEqual([true]);
    expect(zstdDecompressSync(archive).toString()).toContain('"anonymised": true');
    const copy = await site.tenancy.tenants.import(Readable.from([archive]), { as: 'named' });
    expect(copy).toMatchObject({ name: 'Copy', config: { isolation: 'schema' } });
    const [last] = (await site.orm.store.audit?.page({ tenant: 'from-schema', order: 'newest', limit: 1 })) ?? [];
    expect(last).toMatchObject({ verb: 'export-anonymised', outcome: 'done' });
  });

  test('of a column that no rule knows is refused before a row is read', async () => {
    await site.tenancy.tenants.create({ id: 'wider' });
    await site.sql('wider', 'create table extra (diary text); alter table person add born date');
    const refused = archiveOf(site, 'wider', site.orm.anonymisation(options()));
    await expect(refused).rejects.toMatchObject({
      code: 'ARCHIVE_REFUSED',
      message: expect.stringMatching(/column "diary" of table "extra".*|column "born" of table "person"/),
    });
    const born = { person: { born: 'null' }, extra: { diary: replace.hash } } as const;
    await archiveOf(site, 'wider', site.orm.anonymisation(options({ tables: { ...raw, ...born } })));
  });

  test.each<[string, Record<string, Record<string, Rule>>, string]>([
    ['a rule that may repeat in a unique index', { uniques: { a: replace.name } }, 'unique index'],
    ['the same in an expression of one', { uniques: { a: replace.hash, b: replace.text } }, 'unique index'],
    ['null where it cannot be', { uniques: { a: 'null' } }, 'cannot be null'],
    ['another rule than that of the column that is referred to', { uniques: { c: replace.hash } }, 'is a foreign key'],
  ])('refuses %s', async (_, changes, why) => {
    const id = `u${createdCount++}`;
    await site.tenancy.tenants.create({ id });
    await site.sql(id, 'create table uniques (a text not null unique, b text, c varchar(40) references person)');
    await site.sql(id, 'create unique index on uniques (lower(b))');
    const uniques = { a: replace.hash, b: replace.hash, c: 'keep', ...changes['uniques'] } as const;
    const anonymise = site.orm.anonymisation(options({ tables: { ...raw, uniques } }));
    await expect(archiveOf(site, id, anonymise)).rejects.toMatchObject({
      code: 'ARCHIVE_REFUSED',
      message: expect.stringContaining(why),
    });
  });
  let createdCount = 0;

  test.each<[string, Rule, string]>([
    [
      'that throws',
      (value) => {
        throw new Error(`cannot handle ${value}`);
      },
      'has thrown Error',
    ],
    ['that forgets to return', (() => undefined) as never, 'has given no text'],
    ['that gives more than fits', () => 'x'.repeat(41), 'more than the 40 characters'],
  ])('refuses a rule %s, without the value', async (_, email, why) => {
    const rules = options({ entities: [rulesFor(Person, { ...person, email }), ...options().entities.slice(1)] });
    const error = await archiveOf(site, 'from-schema', site.orm.anonymisation(rules)).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: 'ARCHIVE_REFUSED', message: expect.stringContaining(why) });
    expectNoSecret(`${(error as Error).message} ${(error as Error).stack} ${String((error as Error).cause)}`);
  });

  test('follows a foreign key that only a partition has, or that leads to one', async () => {
    await using own = await plainDatabase();
    const partitioned = migration('Partitioned', [
      'create table visit (day int, visitor varchar(40), primary key (day, visitor)) partition by range (day)',
      'create table visit_early partition of visit for values from (0) to (10)',
      'alter table visit_early add foreign key (visitor) references person',
      'create table receipt (day int, visitor varchar(40), foreign key (day, visitor) references visit_early (day, visitor))',
    ]);
    await using apart = await start(own, [tables, partitioned]);
    await fill(apart, 'acme', 'schema');
    await apart.sql('acme', `insert into visit values (1, '${secrets[0]}')`);
    await apart.sql('acme', `insert into receipt values (1, '${secrets[0]}')`);
    const kept = { day: 'keep', visitor: 'keep' } as const;
    const rules = apart.orm.anonymisation(options({ tables: { ...raw, visit: kept, receipt: kept } }));
    const archive = await archiveOf(apart, 'acme', rules);
    expectNoSecret(zstdDecompressSync(archive).toString());
    await apart.tenancy.tenants.import(Readable.from([archive]), { as: 'copy' });
    const joined = await apart.sql('copy', 'select from person join receipt on visitor = email');
    expect(joined).toHaveLength(1);
  });

  test('keeps unique what its rules keep unique, over many rows', async () => {
    await site.tenancy.tenants.create({ id: 'crowd' });
    await site.sql(
      'crowd',
      `insert into person select 'p' || n || '@acme.test', 'N', null, 's', 't', null, case when n > 1 then 'p' || n / 2 || '@acme.test' end
       from generate_series(1, 20000) n`,
    );
    const archive = await archiveOf(site, 'crowd', site.orm.anonymisation(options()));
    expect(zstdDecompressSync(archive).toString()).not.toContain('acme.test');
    await site.tenancy.tenants.import(Readable.from([archive]), { as: 'crowd-copy' });
    const depth = `with recursive d as (select email, 1 as n from person where boss_email is null
      union all select p.email, d.n + 1 from person p join d on p.boss_email = d.email) select n, count(*)::int as of from d group by 1 order by 1`;
    expect(await site.sql('crowd-copy', depth)).toEqual(await site.sql('crowd', depth));
  });

  test('is not made where the map is missing by mistake', async () => {
    for (const anonymise of [undefined, null, {}, { record: () => ({}), resources: { orm: {} } }]) {
      const stream = site.tenancy.tenants.export('from-schema', { anonymise } as never).then(buffer);
      await expect(stream).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    }
    await expect(site.tenancy.tenants.export('from-schema', { anonymize: {} } as never)).rejects.toThrow('"anonymise"');
  });
});

describe('a map', () => {
  test('has to have a rule for every property and every pivot table', async () => {
    await using database = await plainDatabase();
    await using site = await start(database);
    const map = (changes: Partial<AnonymisationOptions>) => () => site.orm.anonymisation(options(changes));
    expect(map({ tables: {} })).toThrow('column "person_email" of table "person_tags"');
    expect(map({ entities: options().entities.slice(1) })).toThrow('(Person.email)');
    const { name: _, ...nameless } = person;
    const [, ...others] = options().entities;
    // @ts-expect-error A property without a rule does not compile.
    const incomplete = rulesFor(Person, nameless);
    expect(map({ entities: [incomplete, ...others] })).toThrow('column "name" of table "person" (Person.name)');
    // @ts-expect-error Nor does one of an embeddable.
    const homeless = rulesFor(Person, { ...person, home: { street: 'keep' } });
    expect(map({ entities: [homeless, ...others] })).toThrow('(Person.home_town)');
    // @ts-expect-error Nor what is no property.
    const more = rulesFor(Person, { ...person, shoe: 'keep' });
    expect(map({ entities: [more, ...others] })).toThrow('"Person.shoe"');
    expect(map({ entities: [rulesFor(Person, { ...person, home: 'keep' }), ...others] })).toThrow(
      'each of its properties',
    );
    expect(map({ entities: [rulesFor(Person, { ...person, greeting: replace.text }), ...others] })).toThrow(
      'no column',
    );
    expect(map({ tables: { ...raw, person: { email: 'keep' } } })).toThrow('two different rules');
    expect(map({ key: 'short' })).toThrow('at least 32');
    expect(map({ keys: 'x' } as never)).toThrow('"keys"');
  });

  test('has a rule for a key that PostgreSQL counts, and none for a column that it computes', async () => {
    const database = await plainDatabase();
    onTestFinished(database.drop);
    const Visit = defineEntity({
      name: 'Visit',
      properties: {
        id: p.integer().primary().generated('by default as identity'),
        guest: p.string(),
        initial: p.string().generated('left(guest, 1) stored'),
      },
    });
    const visits = migration('Visits', [
      `create table visit (id int generated by default as identity primary key, guest text not null,
        initial text generated always as (left(guest, 1)) stored)`,
    ]);
    const orm = await createOrm(
      defineConfig({ clientUrl: database.url, entities: [Visit], migrations: { migrationsList: [visits as never] } }),
    );
    const tenancy = createTenancy({ resources: [orm] });
    onTestFinished(() => tenancy.close());
    await tenancy.migrateCentral();
    await tenancy.tenants.create({ id: 'inn' });
    onTestFinished(async () => {
      for (const id of ['inn', 'copy']) await tenancy.tenants.remove(id);
    });
    await tenancy.run('inn', () => orm.em.execute(`insert into visit (guest) values ('Ada Lovelace')`));
    const map = (id: Rule) =>
      orm.anonymisation({ key, entities: [rulesFor(Visit, { id, guest: replace.hash, initial: 'keep' })] });
    const archive = await tenancy.tenants.export('inn', { anonymise: map('keep') });
    await tenancy.tenants.import(archive, { as: 'copy' });
    const [copied] = await tenancy.run('copy', () => orm.em.execute('select * from visit'));
    expect(copied).toMatchObject({ id: 1, guest: expect.stringMatching(/^[0-9a-f]{32}$/) });
    expect(copied).toMatchObject({ initial: (copied as { guest: string }).guest.slice(0, 1) });
  });

  test('is typed by classes with decorators’ shapes, too', () => {
    class Note {
      id!: number;
      body!: string;
      tags!: Collection<Note>;
      shout(): string {
        return this.body.toUpperCase();
      }
    }
    rulesFor(Note, { id: 'keep', body: replace.text });
    // @ts-expect-error The body has no rule.
    rulesFor(Note, { id: 'keep' });
  });
});
