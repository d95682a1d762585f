import { defineEntity, MikroORM, p } from '@mikro-orm/core';
import { defineConfig } from '@mikro-orm/postgresql';
import { describe, expect, test } from 'vitest';
import { claim, claimAll, flushGuard, type Owner, refuseForeign } from './ownership.ts';

const acme: Owner = { scopeKey: 'acme@1', scopeLabel: 'acme' };
const bloom: Owner = { scopeKey: 'bloom@1', scopeLabel: 'bloom' };

const CitySchema = defineEntity({ name: 'City', properties: { id: p.integer().primary() } });
class City extends CitySchema.class {}
CitySchema.setClass(City);
const AddressSchema = defineEntity({
  name: 'Address',
  embeddable: true,
  properties: { city: () => p.manyToOne(City).nullable() },
});
class Address extends AddressSchema.class {}
AddressSchema.setClass(Address);
const PersonSchema = defineEntity({
  name: 'Person',
  properties: {
    id: p.integer().primary(),
    home: () => p.embedded(Address).nullable(),
    former: () => p.embedded(Address).array().nullable(),
  },
});
class Person extends PersonSchema.class {}
PersonSchema.setClass(Person);

new MikroORM(defineConfig({ dbName: 'none', entities: [CitySchema, AddressSchema, PersonSchema] }));
const refusal = expect.objectContaining({ code: 'CROSS_TENANT', tenant: 'bloom' });

function cityOf(owner: Owner): City {
  const city = Object.assign(new City(), { id: 1 });
  claim(city, owner);
  return city;
}

function flush(entity: Person, owner: Owner): void {
  flushGuard.beforeFlush?.({ em: owner, uow: { getIdentityMap: () => [entity] } } as never);
}

test('an entity belongs to whoever claims it first, for good', () => {
  const city = cityOf(acme);
  claim(city, acme);
  expect(() => claim(city, bloom)).toThrow(refusal);
  expect(() => claim(city, { ...acme, scopeKey: 'acme@2' })).toThrow(/"acme"/);
});

test.each<[string, (city: City) => unknown]>([
  ['itself', (city) => city],
  ['in a list', (city) => [city]],
  ['in a condition', (city) => ({ $or: [{ city: { $in: [city] } }] })],
  ['in an embeddable of data', (city) => ({ home: Object.assign(new Address(), { city }) })],
  ['in a list of embeddables of data', (city) => ({ former: [Object.assign(new Address(), { city })] })],
])('another tenant’s entity is refused %s', (_, value) => {
  expect(() => refuseForeign(value(cityOf(acme)), bloom)).toThrow(refusal);
  expect(() => refuseForeign(value(cityOf(bloom)), bloom)).not.toThrow();
});

describe.each<[string, (city: City) => Partial<Person>]>([
  ['inside an embeddable', (city) => ({ home: Object.assign(new Address(), { city }) as never })],
  [
    'inside a list of embeddables',
    (city) => ({ former: [new Address(), Object.assign(new Address(), { city })] as never }),
  ],
])('a relation %s', (_, values) => {
  test('to another tenant’s entity is refused by the flush', () => {
    expect(() => flush(Object.assign(new Person(), { id: 1 }, values(cityOf(acme))), bloom)).toThrow(refusal);
    expect(() => flush(Object.assign(new Person(), { id: 1 }, values(cityOf(bloom))), bloom)).not.toThrow();
  });

  test('is claimed with its entity', () => {
    const city = Object.assign(new City(), { id: 1 });
    claimAll(Object.assign(new Person(), { id: 1 }, values(city)), acme);
    expect(() => claim(city, bloom)).toThrow(refusal);
  });
});
