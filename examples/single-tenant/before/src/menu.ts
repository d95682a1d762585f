import { Category } from './entities/catalogue.ts';
import type { Shop } from './shop.ts';

interface MenuEntry {
  readonly name: string;
  readonly products: number;
}

/** Kept, as it is on every page and seldom changes. */
let kept: Promise<MenuEntry[]> | undefined;

export function menu({ em }: Shop): Promise<MenuEntry[]> {
  kept ??= readMenu(em);
  return kept;
}

export async function forgetMenu(_shop: Shop): Promise<void> {
  kept = undefined;
}

async function readMenu(em: Shop['em']): Promise<MenuEntry[]> {
  const categories = await em.find(Category, {}, { populate: ['products'], orderBy: { name: 'asc' } });
  return categories.map(({ name, products }) => ({ name, products: products.length }));
}
