import { defineEntity, type EntityManager, p } from '@mikro-orm/core';
import type { Round } from './figure.ts';

export const tables = ['member', 'project', 'task', 'tag', 'setting', 'invoice'] as const;

/** One for each of the tables. */
export const entities = tables.map((tableName) =>
  defineEntity({
    name: `${tableName[0]?.toUpperCase()}${tableName.slice(1)}`,
    tableName,
    properties: { id: p.integer().primary(), title: p.string() },
  }),
);

export type Read = Pick<EntityManager, 'findOneOrFail'>;

/** Reads each entity, as no application has one alone. */
export async function readFrom(em: Read): Promise<void> {
  for (const entity of entities) await em.findOneOrFail(entity as never, 1 as never);
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** Rates with tenancy and without, after one of each that does not count. Who comes first changes. */
export async function inTurns(rounds: number, tenancy: () => Promise<number>, plain: () => Promise<number>) {
  for (const rate of [tenancy, plain]) await rate();
  const measured: Round[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const first = round % 2 === 0 ? await tenancy() : undefined;
    const plainRate = await plain();
    measured.push({ tenancy: first ?? (await tenancy()), plain: plainRate });
  }
  return measured;
}
