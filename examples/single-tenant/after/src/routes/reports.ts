import { Router } from 'express';
import type { Shop } from '../shop.ts';

export function reportRoutes({ em }: Shop): Router {
  return Router().get('/reports/revenue', async (_req, res) => {
    const revenue = await em.execute(
      `select c.name as category, sum(l.price * l.quantity)::int as revenue
         from order_line l
         join "order" o on o.id = l.order_id and o.status = 'paid'
         join product p on p.id = l.product_id
         join category c on c.id = p.category_id
        group by c.id order by revenue desc, c.name`,
    );
    res.json(revenue);
  });
}
