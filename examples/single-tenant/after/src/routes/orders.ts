import { LockMode } from '@mikro-orm/core';
import { Router } from 'express';
import { Coupon, Order, Payment } from '../entities/sales.ts';
import { HttpError, notFound } from '../http-error.ts';
import { placeOrder } from '../place-order.ts';
import type { Shop } from '../shop.ts';

export function orderRoutes(shop: Shop): Router {
  const { em } = shop;
  return Router()
    .post('/coupons', async (req, res) => {
      const { code, percent, usesLeft } = req.body;
      await em.insert(Coupon, { code, percent, usesLeft });
      res.status(201).json({ code });
    })
    .post('/orders', async (req, res) => {
      const { id, status, total } = await placeOrder(shop, req.body);
      res.status(201).json({ id, status, total });
    })
    .get('/orders/:id', async (req, res) => {
      const where = { id: Number(req.params.id) };
      const populate = ['customer', 'shipTo', 'coupon', 'lines.product', 'payments'] as const;
      const order = await em.findOneOrFail(Order, where, { populate, failHandler: notFound('order') });
      res.json({
        ...{ id: order.id, status: order.status, total: order.total },
        customer: order.customer.email,
        shipTo: order.shipTo.city,
        coupon: order.coupon?.code ?? null,
        lines: order.lines.map(({ product, quantity, price }) => ({ product: product.slug, quantity, price })),
        payments: order.payments.map(({ amount }) => amount),
      });
    })
    .post('/orders/:id/payments', async (req, res) => {
      const { amount } = req.body;
      const order = await em.transactional(async (em) => {
        const where = { id: Number(req.params.id) };
        const lockMode = LockMode.PESSIMISTIC_WRITE;
        const order = await em.findOneOrFail(Order, where, { lockMode, failHandler: notFound('order') });
        if (order.status !== 'open') throw new HttpError(409, `The order is ${order.status}.`);
        await em.populate(order, ['payments']);
        em.create(Payment, { order, amount });
        const paid = order.payments.reduce((sum, payment) => sum + payment.amount, 0);
        if (paid >= order.total) order.status = 'paid';
        return order;
      });
      res.status(201).json({ id: order.id, status: order.status });
    });
}
