import { type EntityMetadata, type FilterQuery, LockMode } from '@mikro-orm/core';
import { type MoveTarget, TenancyError, type Tenant } from '@omnitenant/core';
import type { PlacementAnswer } from '@omnitenant/core/extend';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import type { Reference } from '../vault/reference.ts';
import { recordFormer } from './former-tenants.ts';
import { moveTable } from './internal-tables.ts';
import { recordChanges } from './tenant-changes.ts';
import type { TenantEntity } from './tenant-entity.ts';
import { keepLease } from './tenant-leases.ts';

/**
 * How far a move has come. `begun`: the tenant is where it was, and nothing but the seal has changed there. `undoing`: nobody can finish it any
 * more. `switched`: the tenant is at its new place, and what is left of the old one is to be destroyed.
 */
type MoveStep = 'begun' | 'undoing' | 'switched';

/** A move that is under way, or that a process has left. */
export interface Move {
  /** The one attempt that may finish it. */
  readonly token: string;
  readonly step: MoveStep;
  readonly wish: MoveTarget;
  readonly origin: PlacementAnswer;
  readonly target: PlacementAnswer;
}

/** The moves of tenants, in central. */
export interface MoveLedger {
  find(tenant: Tenant): Promise<Move | undefined>;
  begin(tenant: Tenant, move: Omit<Move, 'step'>): Promise<void>;
  /**
   * Makes the tenant's record name the new place, if this attempt still may, in one transaction with the ledger.
   *
   * @throws TENANT_BUSY
   */
  switch(tenant: Tenant, move: Move, holder: string | undefined): Promise<void>;
  /** Makes the record name the old place again, and the move one that is being undone. Returns whether it had named the new one. */
  switchBack(tenant: Tenant, holder: string | undefined): Promise<boolean>;
  /** Keeps any attempt from finishing, or the one of this token. Returns whether it was not finished, and was that one. */
  undo(tenant: Tenant, token?: string): Promise<boolean>;
  /** Keeps the names of a place from later tenants. */
  remember(tenant: Tenant, place: PlacementAnswer): Promise<void>;
  end(tenant: Tenant): Promise<void>;
  /** What leads to tenants' own servers in moves that have not ended, by the tenant's id. */
  references(): Promise<ReadonlyMap<string, readonly Reference[]>>;
  /** Replaces such a reference wherever a tenant's move has it. */
  replaceReference(id: string, from: Reference, to: Reference): Promise<void>;
}

/** The parts of the ledger. */
export interface MoveLedgerOptions {
  readonly fork: () => TenantEntityManager;
  /** Resolves when central has the tables that are the orm's own. */
  readonly ready: () => Promise<unknown>;
  readonly tenant: EntityMetadata<TenantEntity>;
}

export function moveLedger(options: MoveLedgerOptions): MoveLedger {
  const { fork, ready, tenant: meta } = options;

  async function execute<Row extends object>(sql: string, parameters: readonly unknown[]): Promise<Row[]> {
    await ready();
    return fork().execute<Row[]>(sql, [...parameters]);
  }

  return {
    async find({ id, createdAt }) {
      const [found] = await execute<Move>(
        `select token, step, wish, origin, target from ${moveTable} where id = ? and created_at = ?`,
        [id, createdAt],
      );
      return found;
    },

    async begin({ id, createdAt }, { token, wish, origin, target }) {
      // What a former tenant of the id has left is no move of this one.
      await execute(
        `insert into ${moveTable} as move (id, created_at, token, step, wish, origin, target)
         values (?, ?, ?, 'begun', ?::jsonb, ?::jsonb, ?::jsonb)
         on conflict (id) do update set created_at = excluded.created_at, token = excluded.token, step = excluded.step,
           wish = excluded.wish, origin = excluded.origin, target = excluded.target
         where move.created_at <> excluded.created_at`,
        [id, createdAt, token, ...[wish, origin, target].map((value) => JSON.stringify(value))],
      );
    },

    async switch({ id, createdAt }, { token }, holder) {
      await inLease(options, { id, holder }, async (em) => {
        // As it is in the ledger, where a rotation may have sealed its credentials anew.
        const [switched] = await em.execute<Pick<Move, 'target'>[]>(
          `update ${moveTable} set step = 'switched' where id = ? and created_at = ? and token = ? and step = 'begun' returning target`,
          [id, createdAt, token],
        );
        if (switched === undefined) throw takenOver(id);
        await recordPlace(em, meta, { id, createdAt }, switched.target);
      });
    },

    async switchBack({ id, createdAt }, holder) {
      return inLease(options, { id, holder }, async (em) => {
        const [switched] = await em.execute<Pick<Move, 'origin'>[]>(
          `update ${moveTable} set step = 'undoing' where id = ? and created_at = ? and step = 'switched' returning origin`,
          [id, createdAt],
        );
        if (switched !== undefined) await recordPlace(em, meta, { id, createdAt }, switched.origin);
        return switched !== undefined;
      });
    },

    async undo({ id, createdAt }, token) {
      const undone = await execute<object>(
        `update ${moveTable} set step = 'undoing'
         where id = ? and created_at = ? and step <> 'switched' and token = coalesce(?, token) returning id`,
        [id, createdAt, token ?? null],
      );
      return undone.length > 0;
    },

    async remember({ id, createdAt }, place) {
      await ready();
      await recordFormer(fork(), { id, createdAt, ...place } as TenantEntity);
    },

    async end({ id, createdAt }) {
      await execute(`delete from ${moveTable} where id = ? and created_at = ?`, [id, createdAt]);
    },

    async references() {
      const urls = places.map(urlOf).join(', ');
      const found = await execute<{ id: string; urls: readonly Reference[] }>(
        `select id, array_agg(distinct url) as urls from ${moveTable}, unnest(array[${urls}]) url where url is not null group by id order by id`,
        [],
      );
      return new Map(found.map((row) => [row.id, row.urls]));
    },

    async replaceReference(id, from, to) {
      const changes = places.map(
        (place) =>
          `${place} = case when ${urlOf(place)} = ? then jsonb_set(${place}, '{placement,url}', to_jsonb(?::text)) else ${place} end`,
      );
      await execute(`update ${moveTable} set ${changes.join(', ')} where id = ?`, [
        ...places.flatMap(() => [from, to]),
        id,
      ]);
    },
  };
}

async function inLease<R>(
  { fork, ready }: Pick<MoveLedgerOptions, 'fork' | 'ready'>,
  { id, holder }: { readonly id: string; readonly holder: string | undefined },
  work: (em: TenantEntityManager) => Promise<R>,
): Promise<R> {
  await ready();
  return fork().transactional(async (transaction) => {
    const em = transaction as TenantEntityManager;
    if (holder !== undefined) await keepLease(em, id, holder);
    return work(em);
  });
}

/** Makes the tenant's record name a place. */
async function recordPlace(
  em: TenantEntityManager,
  meta: MoveLedgerOptions['tenant'],
  { id, createdAt }: Pick<Tenant, 'id' | 'createdAt'>,
  { isolation, placement }: PlacementAnswer,
): Promise<void> {
  const entity = await em.findOne(meta.class, { id, createdAt } as FilterQuery<TenantEntity>, {
    lockMode: LockMode.PESSIMISTIC_WRITE,
    disableIdentityMap: false,
  });
  if (!entity) throw takenOver(id);
  const updatedAt = new Date(Math.max(Date.now(), entity.updatedAt.getTime() + 1));
  Object.assign(entity, { isolation, placement, updatedAt });
  await em.flush();
  const event = { type: 'tenant.moved', tenant: id, createdAt } as const;
  await recordChanges(em, [{ kind: 'changed', tenant: id, updatedAt: updatedAt.getTime(), event }]);
}

/** The columns that name places. */
const places = ['wish', 'origin', 'target'] as const;

function urlOf(place: (typeof places)[number]): string {
  return `${place} #>> '{placement,url}'`;
}

function takenOver(id: string): TenancyError {
  const message = `Another process has taken over the move of tenant "${id}", because this one was silent for too long.`;
  return new TenancyError('TENANT_BUSY', message, { tenant: id });
}
