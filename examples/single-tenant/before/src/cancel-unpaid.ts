import { Order } from './entities/sales.ts';
import type { Shop } from './shop.ts';

/** Cancels orders that nobody has paid since `before`, and puts what was ordered back into the stock. */
export function cancelUnpaid({ em }: Shop, before: Date): Promise<number> {
  return em.transactional(async (em) => {
    const where = { status: 'open', placedAt: { $lt: before } } as const;
    const orders = await em.find(Order, where, { populate: ['lines.product'] });
    for (const order of orders) {
      order.status = 'cancelled';
      for (const { product, quantity } of order.lines) product.stock += quantity;
    }
    return orders.length;
  });
}
