import { defineEntity, p } from '@mikro-orm/core';
import { Customer } from './sales.ts';

const CategorySchema = defineEntity({
  name: 'Category',
  properties: {
    id: p.integer().primary(),
    slug: p.string().unique(),
    name: p.string(),
    parent: () => p.manyToOne(Category).nullable(),
    products: () => p.oneToMany(Product).mappedBy('category'),
  },
});
export class Category extends CategorySchema.class {}
CategorySchema.setClass(Category);

const TagSchema = defineEntity({
  name: 'Tag',
  properties: {
    id: p.integer().primary(),
    name: p.string().unique(),
    products: () => p.manyToMany(Product).mappedBy('tags'),
  },
});
export class Tag extends TagSchema.class {}
TagSchema.setClass(Tag);

const ProductSchema = defineEntity({
  name: 'Product',
  properties: {
    id: p.integer().primary(),
    slug: p.string().unique(),
    name: p.string(),
    /** In cents. */
    price: p.integer(),
    stock: p.integer().default(0),
    category: () => p.manyToOne(Category),
    tags: () => p.manyToMany(Tag).inversedBy('products'),
    reviews: () => p.oneToMany(Review).mappedBy('product').orderBy({ id: 'desc' }),
  },
});
export class Product extends ProductSchema.class {}
ProductSchema.setClass(Product);

const ReviewSchema = defineEntity({
  name: 'Review',
  uniques: [{ properties: ['product', 'customer'] }],
  properties: {
    id: p.integer().primary(),
    stars: p.integer(),
    text: p.text(),
    product: () => p.manyToOne(Product),
    customer: () => p.manyToOne(Customer),
    writtenAt: p.datetime().onCreate(() => new Date()),
  },
});
export class Review extends ReviewSchema.class {}
ReviewSchema.setClass(Review);
