import { Category } from './entities/catalogue.ts';
import type { Shop } from './shop.ts';

interface MenuEntry {
  readonly name: string;
  readonly products: number;
}

/** Kept, as it is on every page and seldom changes. */
export function menu({ cache, em }: Shop): Promise<MenuEntry[]> {
  return cache.getOrSet('menu', () => readMenu(em));
}

export async function forgetMenu({ cache }: Shop): Promise<void> {
  await cache.delete('menu');
}

async function readMenu(em: Shop['em']): Promise<MenuEntry[]> {
  const categories = await em.find(Category, {}, { populate: ['products'], orderBy: { name: 'asc' } });
  return categories.map(({ name, products }) => ({ name, products: products.length }));
}
