import { cancelUnpaid } from './cancel-unpaid.ts';
import { openShop } from './shop.ts';

const { DATABASE_URL = 'postgres://localhost/shop', UNPAID_DAYS = '7' } = process.env;
const before = new Date(Date.now() - Number(UNPAID_DAYS) * 86_400_000);

const shop = await openShop(DATABASE_URL);
for await (const { id } of shop.tenancy.tenants.all({ status: 'active' })) {
  const cancelled = await shop.tenancy.run(id, () => cancelUnpaid(shop, before));
  console.log(`${id}: ${cancelled} orders cancelled`);
}
await shop.tenancy.close();
