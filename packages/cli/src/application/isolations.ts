import type { Isolation } from '@omnitenant/orm';

/** Every isolation, with what it gives each tenant. The type keeps the list complete, without loading MikroORM for it. */
export const isolations: Readonly<Record<Isolation, string>> = {
  schema: 'one schema per tenant',
  database: 'one database per tenant',
  row: 'shared tables with row-level security',
};
