import { TenancyError, type Tenant } from '@omnitenant/core';
import { type OptionNames, type ProvisionedAs, unknownOption } from '@omnitenant/core/extend';
import { marksOf } from '../isolation/marks.ts';
import { isSame } from '../isolation/storage.ts';
import { placementOf } from '../placement/placement.ts';
import { codeOf, sqlState } from '../sql/error-codes.ts';
import { makeReady } from './make-ready.ts';
import { isReplaceable, listReady, readyKinds } from './ready-kind.ts';
import type { FillReadyOptions, ReadyOptions, ReadyStock, ReadyTenants } from './ready-options.ts';
import { createShelves, type ReadyParts } from './shelf.ts';
import { takeOne } from './take-ready.ts';

/** The ready-made tenants of an orm, and how a new tenant takes one. */
export interface OpenReady extends ReadyTenants {
  /** Gives a new tenant storage that was made ahead, and says what it holds; `undefined` where there is none. */
  take(tenant: Tenant): Promise<ProvisionedAs | undefined>;
}

export function openReady(parts: ReadyParts): OpenReady {
  const { pools, migrations, central, maintenance } = parts;
  const shelves = createShelves(parts);

  async function stockOf(options: ReadyOptions): Promise<ReadyStock | undefined> {
    const shelf = shelves.of(options);
    try {
      const { ready, older, newer } = await shelves.look(shelf);
      const outdated = older.length + newer.length;
      if (ready.length + outdated === 0) return undefined;
      return { isolation: shelf.kind.isolation, server: shelf.server, ready: ready.length, outdated };
    } catch (error) {
      // A server whose tenants have databases of their own may have none of the name of central's.
      if (codeOf((error as { cause?: unknown }).cause ?? error) === sqlState.undefinedDatabase) return undefined;
      throw error;
    }
  }

  return {
    async take(tenant) {
      const placement = placementOf(tenant);
      if (!isReplaceable(tenant.isolation, placement)) return undefined;
      const kind = readyKinds(central)[tenant.isolation];
      const on = kind.isolation === 'database' ? maintenance(placement.server) : placement;
      const found = await listReady(pools, on, kind);
      if (found.length === 0) return undefined;
      const mark = await shelves.markFor(tenant);
      const ready = found.filter((one) => one.mark === mark);
      const record = isSame(on, central) ? (await migrations.contents(tenant))?.record : undefined;
      const isTaken = await takeOne({ pools, marks: marksOf(central), kind, on, mark, record }, ready, tenant);
      if (!isTaken) return undefined;
      return record ? 'migrated-and-recorded' : 'migrated';
    },

    async fill(options = {}) {
      refuseUnknown('fill', options, fillNames);
      const { count, signal, onProgress } = options;
      if (count !== undefined && !(Number.isSafeInteger(count) && count >= 0)) throw noCount(count);
      const shelf = shelves.of(options);
      const before = await shelves.look(shelf);
      const wanted = count ?? before.ready.length + before.older.length;
      let removed = 0;
      for (const one of [...before.left, ...before.older]) if (await shelves.destroy(one, shelf)) removed += 1;
      // Tenants take some meanwhile, and other processes make some.
      const countReady = async () => (await shelves.look(shelf)).ready.length;
      let made = 0;
      let ready = await countReady();
      while (ready < wanted && !signal?.aborted) {
        const tenant = shelves.unnamed(shelf);
        await makeReady(parts, { ...shelf, mark: await shelves.markFor(tenant) }, tenant);
        made += 1;
        ready = await countReady();
        onProgress?.({ made, ready });
      }
      return { made, removed, ready };
    },

    async stock() {
      const isolations = parts.hasDatabases ? (['schema', 'database'] as const) : (['schema'] as const);
      const stock: ReadyStock[] = [];
      for (const server of parts.placing.servers) {
        for (const isolation of isolations) {
          const found = await stockOf({ isolation, server });
          if (found) stock.push(found);
        }
      }
      return stock;
    },

    async clear(options = {}) {
      refuseUnknown('clear', options, readyNames);
      const shelf = shelves.of(options);
      let removed = 0;
      for (const one of Object.values(await shelves.look(shelf)).flat()) {
        if (await shelves.destroy(one, shelf)) removed += 1;
      }
      return removed;
    },
  };
}

const readyNames: OptionNames<ReadyOptions> = { isolation: true, server: true };
const fillNames: OptionNames<FillReadyOptions> = { ...readyNames, count: true, signal: true, onProgress: true };

function refuseUnknown<O extends object>(verb: string, options: O, names: OptionNames<O>): void {
  const fault = unknownOption(options, names);
  if (fault !== undefined) throw new TenancyError('CONFIG_INVALID', `ready.${verb}() ${fault}`);
}

function noCount(count: unknown): TenancyError {
  const message = `ready.fill() requires a count that is a whole number from 0, not ${String(count)}.`;
  return new TenancyError('CONFIG_INVALID', message);
}
