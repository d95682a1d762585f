import { MikroORM } from '@mikro-orm/postgresql';
import { config } from './mikro-orm.config.ts';

/** What the routes and jobs work with. */
export type Shop = Awaited<ReturnType<typeof openShop>>;

export async function openShop(clientUrl: string) {
  const orm = await MikroORM.init(config(clientUrl));
  return { orm, em: orm.em };
}
