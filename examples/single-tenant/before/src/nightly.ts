import { RequestContext } from '@mikro-orm/core';
import { cancelUnpaid } from './cancel-unpaid.ts';
import { openShop } from './shop.ts';

const { DATABASE_URL = 'postgres://localhost/shop', UNPAID_DAYS = '7' } = process.env;
const before = new Date(Date.now() - Number(UNPAID_DAYS) * 86_400_000);

const shop = await openShop(DATABASE_URL);
const cancelled = await RequestContext.create(shop.em, () => cancelUnpaid(shop, before));
console.log(`${cancelled} orders cancelled`);
await shop.orm.close();
