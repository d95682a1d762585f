import { TenancyError } from '@omnitenant/core';
import type { Pools } from '../../connections/pools.ts';
import { rowRoles } from '../../placement/shared-tables.ts';
import type { Database } from '../../sql/client.ts';
import { quoteName } from '../../sql/quote.ts';
import { missingRoles, prepare, type SharedSchema } from './prepare.ts';

/** Makes and drops shared schemas with roles of their own, which no tenant has, to compare others with. */
export interface ReferenceTables {
  /** @throws CONFIG_INVALID if the login may not create roles. */
  create(placement: SharedSchema): Promise<void>;
  /** Drops what is there of it. */
  drop(placement: SharedSchema): Promise<void>;
}

export function referenceTables(pools: Pools, central: Database): ReferenceTables {
  return {
    create: async (placement) => {
      const { mayCreate, login } = await missingRoles(pools, placement, '');
      if (!mayCreate) throw mayNotCreate(login);
      await prepare(pools, placement, central, undefined);
    },
    drop: async (placement) => {
      const { owner, login, tenants, changes } = rowRoles(placement);
      const found = await pools.query(placement, `select from pg_roles where rolname = '${owner}'`);
      if (found.length === 0) return;
      await pools.query(
        placement,
        [
          `set local role ${quoteName(owner)}`,
          `drop owned by ${quoteName(owner)} cascade`,
          'reset role',
          `drop role ${[owner, login, tenants, changes].map(quoteName).join(', ')}`,
        ].join(';\n'),
      );
    },
  };
}

function mayNotCreate(login: string): TenancyError {
  return new TenancyError(
    'CONFIG_INVALID',
    `The login "${login}" may not create roles, which it takes to make shared tables to compare with. Run verify as one that may.`,
  );
}
