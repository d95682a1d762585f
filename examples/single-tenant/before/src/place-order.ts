import { LockMode } from '@mikro-orm/core';
import { Product } from './entities/catalogue.ts';
import { Coupon, Customer, Order, OrderLine } from './entities/sales.ts';
import { HttpError, notFound } from './http-error.ts';
import type { Shop } from './shop.ts';

interface OrderInput {
  readonly email: string;
  readonly coupon?: string;
  readonly lines: readonly { readonly product: string; readonly quantity: number }[];
}

/** Takes what is ordered out of the stock, or nothing at all. */
export function placeOrder({ em }: Shop, { email, coupon, lines }: OrderInput): Promise<Order> {
  return em.transactional(async (em) => {
    const failHandler = notFound('customer');
    const customer = await em.findOneOrFail(Customer, { email }, { populate: ['addresses'], failHandler });
    const shipTo = customer.addresses[0];
    if (!shipTo) throw new HttpError(409, 'The customer has no address.');
    const order = em.create(Order, { customer, shipTo });

    const slugs = lines.map(({ product }) => product);
    const lock = { lockMode: LockMode.PESSIMISTIC_WRITE, orderBy: { id: 'asc' } } as const;
    const products = await em.find(Product, { slug: { $in: slugs } }, lock);
    for (const { product: slug, quantity } of lines) {
      const product = products.find((found) => found.slug === slug);
      if (!product) throw new HttpError(404, 'There is no such product.');
      if (product.stock < quantity) throw new HttpError(409, `There are only ${product.stock} of ${product.name}.`);
      product.stock -= quantity;
      em.create(OrderLine, { order, product, quantity, price: product.price });
      order.total += product.price * quantity;
    }
    if (coupon !== undefined) await useCoupon(em, order, coupon);
    return order;
  });
}

async function useCoupon(em: Shop['em'], order: Order, code: string): Promise<void> {
  const coupon = await em.findOne(Coupon, { code, usesLeft: { $gt: 0 } }, { lockMode: LockMode.PESSIMISTIC_WRITE });
  if (!coupon) throw new HttpError(409, 'The coupon cannot be used.');
  coupon.usesLeft -= 1;
  order.coupon = coupon;
  order.total -= Math.round((order.total * coupon.percent) / 100);
}
