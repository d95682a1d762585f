import { Router } from 'express';
import { Category, Product, Review, Tag } from '../entities/catalogue.ts';
import { Customer } from '../entities/sales.ts';
import { notFound } from '../http-error.ts';
import { forgetMenu, menu } from '../menu.ts';
import type { Shop } from '../shop.ts';

export function catalogueRoutes(shop: Shop): Router {
  const { em } = shop;
  return Router()
    .get('/menu', async (_req, res) => {
      res.json(await menu(shop));
    })
    .post('/categories', async (req, res) => {
      const { slug, name, parent } = req.body;
      em.create(Category, { slug, name, parent: parent && (await em.findOneOrFail(Category, { slug: parent })) });
      await em.flush();
      await forgetMenu(shop);
      res.status(201).json({ slug });
    })
    .get('/products', async (req, res) => {
      const { tag } = req.query;
      const where = typeof tag === 'string' ? { tags: { name: tag } } : {};
      const products = await em.find(Product, where, { populate: ['category'], orderBy: { slug: 'asc' } });
      res.json(products.map(({ slug, name, price, category }) => ({ slug, name, price, category: category.slug })));
    })
    .post('/products', async (req, res) => {
      const { slug, name, price, stock, category, tags = [] } = req.body;
      const failHandler = notFound('category');
      const product = em.create(Product, {
        ...{ slug, name, price, stock },
        category: await em.findOneOrFail(Category, { slug: category }, { failHandler }),
      });
      for (const name of tags) product.tags.add((await em.findOne(Tag, { name })) ?? em.create(Tag, { name }));
      await em.flush();
      await forgetMenu(shop);
      res.status(201).json({ slug });
    })
    .get('/products/:slug', async (req, res) => {
      const failHandler = notFound('product');
      const populate = ['category', 'tags', 'reviews.customer'] as const;
      const product = await em.findOneOrFail(Product, { slug: req.params.slug }, { populate, failHandler });
      res.json({
        ...{ slug: product.slug, name: product.name, price: product.price, stock: product.stock },
        category: product.category.name,
        tags: product.tags.map(({ name }) => name).sort(),
        reviews: product.reviews.map(({ stars, text, customer }) => ({ stars, text, by: customer.name })),
      });
    })
    .post('/products/:slug/reviews', async (req, res) => {
      const { email, stars, text } = req.body;
      const product = await em.findOneOrFail(Product, { slug: req.params.slug }, { failHandler: notFound('product') });
      const customer = await em.findOneOrFail(Customer, { email }, { failHandler: notFound('customer') });
      em.create(Review, { product, customer, stars, text });
      await em.flush();
      res.status(201).json({ stars, text });
    });
}
