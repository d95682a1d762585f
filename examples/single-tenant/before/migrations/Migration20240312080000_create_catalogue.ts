import { Migration } from '@mikro-orm/migrations';

export class Migration20240312080000_create_catalogue extends Migration {
  override name = 'Migration20240312080000_create_catalogue';

  override up(): void | Promise<void> {
    this.addSql(
      `create table "category" ("id" serial primary key, "slug" varchar(255) not null, "name" varchar(255) not null, "parent_id" int null);`,
    );
    this.addSql(`create table "tag" ("id" serial primary key, "name" varchar(255) not null);`);
    this.addSql(
      `create table "product" ("id" serial primary key, "slug" varchar(255) not null, "name" varchar(255) not null, "price" int not null, "stock" int not null default 0, "category_id" int not null);`,
    );
    this.addSql(
      `create table "product_tags" ("product_id" int not null, "tag_id" int not null, primary key ("product_id", "tag_id"));`,
    );
    this.addSql(`alter table "category" add constraint "category_slug_unique" unique ("slug");`);
    this.addSql(`alter table "product" add constraint "product_slug_unique" unique ("slug");`);
    this.addSql(`alter table "tag" add constraint "tag_name_unique" unique ("name");`);
    this.addSql(
      `alter table "category" add constraint "category_parent_id_foreign" foreign key ("parent_id") references "category" ("id") on delete set null;`,
    );
    this.addSql(
      `alter table "product" add constraint "product_category_id_foreign" foreign key ("category_id") references "category" ("id");`,
    );
    this.addSql(
      `alter table "product_tags" add constraint "product_tags_product_id_foreign" foreign key ("product_id") references "product" ("id") on update cascade on delete cascade;`,
    );
    this.addSql(
      `alter table "product_tags" add constraint "product_tags_tag_id_foreign" foreign key ("tag_id") references "tag" ("id") on update cascade on delete cascade;`,
    );
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "product_tags" cascade;`);
    this.addSql(`drop table if exists "product" cascade;`);
    this.addSql(`drop table if exists "tag" cascade;`);
    this.addSql(`drop table if exists "category" cascade;`);
  }
}
