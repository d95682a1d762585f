import { Router } from 'express';
import { Address, Customer } from '../entities/sales.ts';
import { notFound } from '../http-error.ts';
import type { Shop } from '../shop.ts';

export function customerRoutes({ em }: Shop): Router {
  return Router()
    .post('/customers', async (req, res) => {
      const { email, name, street, city } = req.body;
      const customer = em.create(Customer, { email, name });
      em.create(Address, { customer, street, city });
      await em.flush();
      res.status(201).json({ email, name });
    })
    .get('/customers/:email', async (req, res) => {
      const { email } = req.params;
      const populate = ['addresses', 'orders'] as const;
      const customer = await em.findOneOrFail(Customer, { email }, { populate, failHandler: notFound('customer') });
      res.json({
        ...{ email, name: customer.name },
        addresses: customer.addresses.map(({ street, city }) => ({ street, city })),
        orders: customer.orders.map(({ id, status, total }) => ({ id, status, total })),
      });
    });
}
