import 'reflect-metadata';
import { defineEntity, EntitySchema, MikroORM, p } from '@mikro-orm/core';
import { defineConfig } from '@mikro-orm/postgresql';
import { describe, expect, test } from 'vitest';
import * as es from '../../../../tooling/fixtures/es/subscription.ts';
import * as legacy from '../../../../tooling/fixtures/legacy/subscription.ts';
import { type EntityScopes, entityScopes } from './entity-scope.ts';

async function scopesOf(entities: readonly object[], shared: readonly object[] = []): Promise<EntityScopes> {
  const metadata = await metadataOf(entities);
  return entityScopes(metadata, new Set(shared.map((entity) => metadata.get(entity as never))));
}

async function metadataOf(entities: readonly object[]) {
  return (await MikroORM.init(defineConfig({ dbName: 'none', entities: entities as never }))).getMetadata();
}

const City = defineEntity({ name: 'City', schema: 'central', properties: { id: p.integer().primary() } });
const id = p.integer().primary();

describe('a relation from a tenant entity to a central one is refused', () => {
  const Address = defineEntity({
    name: 'Address',
    embeddable: true,
    properties: { city: () => p.manyToOne(City).nullable() },
  });
  class Town {
    declare id: number;
  }
  class Mayor {
    declare id: number;
    declare town: Town;
  }
  test.each<[string, readonly object[], string]>([
    [
      'between classes by defineEntity',
      [
        defineEntity({ class: Town, schema: 'central', properties: { id } }),
        defineEntity({ class: Mayor, properties: { id, town: () => p.manyToOne(Town) } }),
      ],
      'Mayor.town',
    ],
    [
      'by defineEntity without classes',
      [City, defineEntity({ name: 'Street', properties: { id, city: () => p.manyToOne(City) } })],
      'Street.city',
    ],
    [
      'by EntitySchema',
      [
        City,
        new EntitySchema({
          name: 'Street',
          properties: { id: { type: 'integer', primary: true }, city: { kind: 'm:1', entity: () => City } },
        }),
      ],
      'Street.city',
    ],
    [
      'to one of several entities',
      [
        City,
        defineEntity({ name: 'Village', properties: { id } }),
        defineEntity({ name: 'Street', properties: { id, place: () => p.manyToOne(['Village', City] as never) } }),
      ],
      'Street.place',
    ],
    ['by legacy decorators', [legacy.Plan, legacy.Subscription], 'Subscription.plan'],
    ['by ECMAScript decorators', [es.Plan, es.Subscription], 'Subscription.plan'],
    [
      'inside an embeddable',
      [City, Address, defineEntity({ name: 'Person', properties: { id, home: () => p.embedded(Address) } })],
      'Person.home_city',
    ],
    [
      'inside an embeddable that is kept as JSON',
      [City, Address, defineEntity({ name: 'Person', properties: { id, homes: () => p.embedded(Address).array() } })],
      'Person.homes~city',
    ],
    [
      'one to one',
      [City, defineEntity({ name: 'Hall', properties: { id, city: () => p.oneToOne(City) } })],
      'Hall.city',
    ],
    [
      'many to many',
      [City, defineEntity({ name: 'Tour', properties: { id, cities: () => p.manyToMany(City) } })],
      'Tour.cities',
    ],
  ])('%s', async (_, entities, relation) => {
    await expect(scopesOf(entities)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(`"${relation}"`),
    });
  });

  test('and the other way round, and from a shared entity', async () => {
    const Task = defineEntity({ name: 'Task', properties: { id } });
    const Report = defineEntity({
      name: 'Report',
      schema: 'central',
      properties: { id, task: () => p.manyToOne(Task) },
    });
    const Label = defineEntity({ name: 'Label', properties: { id, task: () => p.manyToOne(Task) } });
    await expect(scopesOf([Task, Report])).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(scopesOf([Task, Label], [Label])).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

test('a relation to a shared entity is allowed, with its inverse side', async () => {
  const Country = defineEntity({
    name: 'Country',
    properties: { id, customers: () => p.oneToMany(Customer).mappedBy('country') },
  });
  const Customer = defineEntity({
    name: 'Customer',
    properties: { id, country: () => p.manyToOne(Country), visited: () => p.manyToMany(Country) },
  });
  const scopes = await scopesOf([Country, Customer], [Country]);
  expect(scopes.get((await metadataOf([Country])).get(Country))).toBe('shared');
});

describe('single-table inheritance has the scope of its root', () => {
  class Account {
    declare id: number;
    declare type: string;
  }
  class Staff extends Account {}
  function hierarchy(abstract: boolean, schema?: string, ofStaff?: string): readonly object[] {
    return [
      new EntitySchema({
        class: Account,
        abstract,
        ...(schema && { schema }),
        discriminatorColumn: 'type',
        properties: { id: { type: 'integer', primary: true }, type: { type: 'string' } },
      }),
      new EntitySchema({
        class: Staff,
        extends: Account as never,
        discriminatorValue: 'staff',
        ...(ofStaff && { schema: ofStaff }),
      }),
    ];
  }

  test.each([
    [true, 'central', 'central'],
    [false, 'central', 'central'],
    [true, undefined, 'tenant'],
    [false, undefined, 'tenant'],
  ] as const)('abstract: %s, schema: %s', async (abstract, schema, expected) => {
    const metadata = await metadataOf(hierarchy(abstract, schema));
    const scopes = entityScopes(metadata, new Set());
    expect([scopes.get(metadata.get(Account)), scopes.get(metadata.get(Staff))]).toEqual([expected, expected]);
  });

  test('and a child that declares another one is refused', async () => {
    await expect(scopesOf(hierarchy(true, undefined, 'central'))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('"Staff"'),
    });
  });
});

describe('a table in a schema that is no scope is refused', () => {
  test.each<[string, readonly object[]]>([
    ['of an entity', [defineEntity({ name: 'Log', schema: 'audit', properties: { id } })]],
    ['in the name of a table', [defineEntity({ name: 'Log', tableName: 'audit.log', properties: { id } })]],
    [
      'in the name of a central table',
      [defineEntity({ name: 'Log', schema: 'central', tableName: 'audit.log', properties: { id } })],
    ],
    [
      'of a pivot table',
      [
        defineEntity({ name: 'Tag', properties: { id } }),
        defineEntity({
          name: 'Post',
          properties: { id, tags: () => p.manyToMany('Tag' as never).pivotTable('audit.post_tags') },
        } as never),
      ],
    ],
  ])('%s', async (_, entities) => {
    await expect(scopesOf(entities)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('"audit'),
    });
  });
});

describe('a native enum', () => {
  const withEnum = (name: string, nativeEnumName: string, schema?: string) =>
    defineEntity({
      name,
      ...(schema !== undefined && { schema }),
      properties: { id, kind: p.enum(['a', 'b']).nativeEnumName(nativeEnumName) },
    });

  test.each([
    ['another schema', withEnum('Street', 'n1.kind')],
    ['central', withEnum('Street', 'central.kind')],
    ['another schema, of a central entity', withEnum('Street', 'n1.kind', 'central')],
    [
      'another schema, in an embeddable',
      defineEntity({
        name: 'Street',
        properties: {
          id,
          sign: () =>
            p.embedded(
              defineEntity({
                name: 'Sign',
                embeddable: true,
                properties: { kind: p.enum(['a', 'b']).nativeEnumName('n1.kind') },
              }),
            ),
        },
      }),
    ],
  ])('of %s is refused', async (_, entity) => {
    await expect(scopesOf([entity])).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(
        /^The type of "Street\.\w+" is fixed to the schema "\w+".*nativeEnumName: "kind"\.$/,
      ),
    });
  });

  test('of the table’s own schema is its own', async () => {
    await scopesOf([withEnum('Street', 'kind'), withEnum('Plan', 'central.plan_kind', 'central')]);
  });
});
