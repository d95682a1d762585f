import { Migration } from '@mikro-orm/migrations';

export class Migration20250117080000_add_reviews extends Migration {
  override name = 'Migration20250117080000_add_reviews';

  override up(): void | Promise<void> {
    this.addSql(
      `create table "review" ("id" serial primary key, "stars" int not null, "text" text not null, "product_id" int not null, "customer_id" int not null, "written_at" timestamptz not null);`,
    );
    this.addSql(
      `alter table "review" add constraint "review_product_id_customer_id_unique" unique ("product_id", "customer_id");`,
    );
    this.addSql(
      `alter table "review" add constraint "review_product_id_foreign" foreign key ("product_id") references "product" ("id");`,
    );
    this.addSql(
      `alter table "review" add constraint "review_customer_id_foreign" foreign key ("customer_id") references "customer" ("id");`,
    );
    this.addSql(`alter table "order" add column "total" int not null default 0;`);
    this.addSql(
      `update "order" o set total = (select coalesce(sum(l.price * l.quantity), 0) from order_line l where l.order_id = o.id);`,
    );
  }

  override down(): void | Promise<void> {
    this.addSql(`alter table "order" drop column "total";`);
    this.addSql(`drop table if exists "review" cascade;`);
  }
}
