import { defineEntity, p } from '@mikro-orm/core';
import { Product } from './catalogue.ts';

const CustomerSchema = defineEntity({
  name: 'Customer',
  properties: {
    id: p.integer().primary(),
    email: p.string().unique(),
    name: p.string(),
    addresses: () => p.oneToMany(Address).mappedBy('customer').orderBy({ id: 'asc' }),
    orders: () => p.oneToMany(Order).mappedBy('customer').orderBy({ id: 'desc' }),
  },
});
export class Customer extends CustomerSchema.class {}
CustomerSchema.setClass(Customer);

const AddressSchema = defineEntity({
  name: 'Address',
  properties: {
    id: p.integer().primary(),
    street: p.string(),
    city: p.string(),
    customer: () => p.manyToOne(Customer),
  },
});
export class Address extends AddressSchema.class {}
AddressSchema.setClass(Address);

const CouponSchema = defineEntity({
  name: 'Coupon',
  properties: {
    id: p.integer().primary(),
    code: p.string().unique(),
    percent: p.integer(),
    usesLeft: p.integer(),
  },
});
export class Coupon extends CouponSchema.class {}
CouponSchema.setClass(Coupon);

const OrderSchema = defineEntity({
  name: 'Order',
  properties: {
    id: p.integer().primary(),
    status: p.enum(['open', 'paid', 'cancelled']).default('open'),
    /** In cents. */
    total: p.integer().default(0),
    customer: () => p.manyToOne(Customer),
    shipTo: () => p.manyToOne(Address),
    coupon: () => p.manyToOne(Coupon).nullable(),
    lines: () => p.oneToMany(OrderLine).mappedBy('order').orderBy({ id: 'asc' }),
    payments: () => p.oneToMany(Payment).mappedBy('order').orderBy({ id: 'asc' }),
    placedAt: p.datetime().onCreate(() => new Date()),
  },
});
export class Order extends OrderSchema.class {}
OrderSchema.setClass(Order);

const OrderLineSchema = defineEntity({
  name: 'OrderLine',
  properties: {
    id: p.integer().primary(),
    quantity: p.integer(),
    /** What one piece cost when it was ordered, in cents. */
    price: p.integer(),
    order: () => p.manyToOne(Order),
    product: () => p.manyToOne(Product),
  },
});
export class OrderLine extends OrderLineSchema.class {}
OrderLineSchema.setClass(OrderLine);

const PaymentSchema = defineEntity({
  name: 'Payment',
  properties: {
    id: p.integer().primary(),
    /** In cents. */
    amount: p.integer(),
    order: () => p.manyToOne(Order),
    paidAt: p.datetime().onCreate(() => new Date()),
  },
});
export class Payment extends PaymentSchema.class {}
PaymentSchema.setClass(Payment);
