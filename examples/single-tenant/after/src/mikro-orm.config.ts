import { join } from 'node:path';
import { Migrator } from '@mikro-orm/migrations';
import { defineConfig } from '@mikro-orm/postgresql';
import { forTenants } from '@omnitenant/orm';
import { Category, Product, Review, Tag } from './entities/catalogue.ts';
import { Address, Coupon, Customer, Order, OrderLine, Payment } from './entities/sales.ts';

export const config = (clientUrl: string) =>
  forTenants(
    defineConfig({
      clientUrl,
      entities: [Category, Tag, Product, Review, Customer, Address, Coupon, Order, OrderLine, Payment],
      extensions: [Migrator],
      migrations: { path: join(import.meta.dirname, '../migrations'), snapshotName: '.snapshot-shop' },
    }),
  );
