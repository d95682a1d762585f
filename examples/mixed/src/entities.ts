import { defineEntity, p } from '@mikro-orm/core';

/** Declares no scope, and so is the tenant's: in whichever schema, database or rows the tenant has. */
const InvoiceSchema = defineEntity({
  name: 'Invoice',
  properties: {
    id: p.integer().primary(),
    number: p.string().unique(),
    customer: p.string(),
    /** In cents. */
    amount: p.integer(),
    sent: p.boolean().default(false),
  },
});
export class Invoice extends InvoiceSchema.class {}
InvoiceSchema.setClass(Invoice);
