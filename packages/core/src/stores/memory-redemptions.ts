import type { TokenRedemptions } from './redemptions.ts';

/** Redemptions in this process, for the stores of tests. */
export function memoryRedemptions(): TokenRedemptions {
  const redeemed = new Set<string>();
  return {
    async redeem(id) {
      const isFirst = !redeemed.has(id);
      redeemed.add(id);
      return isFirst;
    },
  };
}
