import { Migration } from '@mikro-orm/migrations';

export class Migration20240520080000_create_sales extends Migration {
  override name = 'Migration20240520080000_create_sales';

  override up(): void | Promise<void> {
    this.addSql(
      `create table "customer" ("id" serial primary key, "email" varchar(255) not null, "name" varchar(255) not null);`,
    );
    this.addSql(
      `create table "address" ("id" serial primary key, "street" varchar(255) not null, "city" varchar(255) not null, "customer_id" int not null);`,
    );
    this.addSql(
      `create table "coupon" ("id" serial primary key, "code" varchar(255) not null, "percent" int not null, "uses_left" int not null);`,
    );
    this.addSql(
      `create table "order" ("id" serial primary key, "status" text not null default 'open', "customer_id" int not null, "ship_to_id" int not null, "coupon_id" int null, "placed_at" timestamptz not null);`,
    );
    this.addSql(
      `create table "order_line" ("id" serial primary key, "quantity" int not null, "price" int not null, "order_id" int not null, "product_id" int not null);`,
    );
    this.addSql(
      `create table "payment" ("id" serial primary key, "amount" int not null, "order_id" int not null, "paid_at" timestamptz not null);`,
    );
    this.addSql(`alter table "coupon" add constraint "coupon_code_unique" unique ("code");`);
    this.addSql(`alter table "customer" add constraint "customer_email_unique" unique ("email");`);
    this.addSql(
      `alter table "address" add constraint "address_customer_id_foreign" foreign key ("customer_id") references "customer" ("id");`,
    );
    this.addSql(
      `alter table "order" add constraint "order_customer_id_foreign" foreign key ("customer_id") references "customer" ("id");`,
    );
    this.addSql(
      `alter table "order" add constraint "order_ship_to_id_foreign" foreign key ("ship_to_id") references "address" ("id");`,
    );
    this.addSql(
      `alter table "order" add constraint "order_coupon_id_foreign" foreign key ("coupon_id") references "coupon" ("id") on delete set null;`,
    );
    this.addSql(
      `alter table "order" add constraint "order_status_check" check ("status" in ('open', 'paid', 'cancelled'));`,
    );
    this.addSql(
      `alter table "payment" add constraint "payment_order_id_foreign" foreign key ("order_id") references "order" ("id");`,
    );
    this.addSql(
      `alter table "order_line" add constraint "order_line_order_id_foreign" foreign key ("order_id") references "order" ("id");`,
    );
    this.addSql(
      `alter table "order_line" add constraint "order_line_product_id_foreign" foreign key ("product_id") references "product" ("id");`,
    );
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "payment" cascade;`);
    this.addSql(`drop table if exists "order_line" cascade;`);
    this.addSql(`drop table if exists "order" cascade;`);
    this.addSql(`drop table if exists "coupon" cascade;`);
    this.addSql(`drop table if exists "address" cascade;`);
    this.addSql(`drop table if exists "customer" cascade;`);
  }
}
