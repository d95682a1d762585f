import { Migration } from '@mikro-orm/migrations';

export class Migration20260105090000_create_invoice extends Migration {
  override name = 'Migration20260105090000_create_invoice';

  override up(): void | Promise<void> {
    this.addSql(
      `create table "invoice" ("id" serial primary key, "number" varchar(255) not null, "customer" varchar(255) not null, "amount" int not null, "sent" boolean not null default false);`,
    );
    this.addSql(`alter table "invoice" add constraint "invoice_number_unique" unique ("number");`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "invoice" cascade;`);
  }
}
