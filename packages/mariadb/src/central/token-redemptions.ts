import type { TokenRedemptions } from '@omnitenant/core/extend';
import type { Admin } from './admin.ts';
import { now } from './central-tables.ts';

/** For how long a token that has expired is still known to be used. */
const knownMs = 24 * 3_600_000;

/** Redemptions in central. */
export function centralRedemptions(admin: Admin): TokenRedemptions {
  return {
    async redeem(id, expiresAt) {
      await admin.run(`delete from redemption where expires_at < ${now} - ${knownMs}`);
      return (
        (await admin.run('insert ignore into redemption (id, expires_at) values (?, ?)', id, expiresAt.getTime())) > 0
      );
    },
  };
}
