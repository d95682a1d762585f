import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { TenantStore } from '../../stores/store.ts';
import type { StorePromises } from './promise.ts';

const inAnHour = () => new Date(Date.now() + 3_600_000);

function redemptionsOf({ redemptions }: TenantStore) {
  assert.ok(redemptions);
  return redemptions;
}

/** What redemptions promise, of a store that keeps them. */
export const redemptionPromises: StorePromises = {
  async 'a token is redeemed once, and others are not affected'(store) {
    const redemptions = redemptionsOf(store);
    const [one, other] = [randomUUID(), randomUUID()];
    assert.equal(await redemptions.redeem(one, inAnHour()), true);
    assert.equal(await redemptions.redeem(one, inAnHour()), false);
    assert.equal(await redemptions.redeem(other, inAnHour()), true);
    assert.equal(await redemptions.redeem(one, inAnHour()), false);
  },

  async 'of callers that redeem a token at once, one does'(store) {
    const redemptions = redemptionsOf(store);
    const id = randomUUID();
    const redeemed = await Promise.all(Array.from({ length: 8 }, () => redemptions.redeem(id, inAnHour())));
    assert.equal(redeemed.filter(Boolean).length, 1);
  },

  async 'a token that has just expired is still known to be used'(store) {
    const redemptions = redemptionsOf(store);
    const id = randomUUID();
    await redemptions.redeem(id, new Date(Date.now() - 1_000));
    await redemptions.redeem(randomUUID(), inAnHour());
    assert.equal(await redemptions.redeem(id, inAnHour()), false);
  },
};
