import type { TokenRedemptions } from '@omnitenant/core/extend';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { redeemedTokenTable } from './internal-tables.ts';

/** Redemptions in central. Each is one statement, of which one process succeeds. */
export function centralRedemptions(fork: () => TenantEntityManager, ready: () => Promise<unknown>): TokenRedemptions {
  return {
    async redeem(id, expiresAt) {
      await ready();
      const redeemed = await fork().execute<object[]>(redeeming, [id, expiresAt.toISOString()]);
      return redeemed.length > 0;
    },
  };
}

// A token that has expired is refused by its date. Those of the last day are kept, as clocks differ.
const redeeming = `
  with outdated as (delete from ${redeemedTokenTable} where expires_at < now() - interval '1 day')
  insert into ${redeemedTokenTable} (id, expires_at) values (?, ?::timestamptz) on conflict do nothing returning id`;
