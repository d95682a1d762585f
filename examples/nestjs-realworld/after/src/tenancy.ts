import { allOf, createTenancy, fromSubdomain, fromToken } from '@omnitenant/core';
import { createOrm } from '@omnitenant/orm';
import config from './mikro-orm.config.ts';
import { SECRET } from './secret.ts';

export const orm = await createOrm(config);
const byToken = fromToken({ key: Buffer.from(SECRET), algorithms: ['HS256'] });
export const tenancy = createTenancy({ resources: [orm], resolver: allOf(fromSubdomain('localhost'), byToken) });
