import { parseArgs } from 'node:util';
import { openShop } from './shop.ts';

// node src/add-shop.ts acme                   makes a shop
// node src/add-shop.ts acme --adopt shop      makes one of the database `shop`, with all that is in it
const { values, positionals } = parseArgs({ allowPositionals: true, options: { adopt: { type: 'string' } } });
const [id = ''] = positionals;

const { tenancy } = await openShop(process.env.DATABASE_URL ?? 'postgres://localhost/shops');
try {
  await tenancy.migrateCentral();
  if (values.adopt) await tenancy.tenants.adopt({ id, isolation: 'database', placement: { database: values.adopt } });
  else await tenancy.tenants.create({ id });
} finally {
  await tenancy.close();
}
