import type { TokenRedemptions } from '@omnitenant/core/extend';
import type { CentralFile } from './central-file.ts';

/** For how long a token that has expired is still known to be used. */
const knownMs = 24 * 3_600_000;

/** Redemptions in central's file. */
export function fileRedemptions(central: CentralFile): TokenRedemptions {
  return {
    redeem: (id, expiresAt) =>
      central.write((session) => {
        session.run('delete from redemption where expires_at < ?', Date.now() - knownMs);
        return (
          session.run('insert or ignore into redemption (id, expires_at) values (?, ?)', id, expiresAt.getTime()) > 0
        );
      }),
  };
}
