import { Migration } from '@mikro-orm/migrations';

export class Migration20260105090000_create_tracker extends Migration {
  override name = 'Migration20260105090000_create_tracker';

  override up(): void | Promise<void> {
    this.addSql(
      `create table "project" ("id" serial primary key, "key" varchar(255) not null, "name" varchar(255) not null);`,
    );
    this.addSql(`alter table "project" add constraint "project_key_unique" unique ("key");`);
    this.addSql(
      `create table "task" ("id" serial primary key, "title" varchar(255) not null, "done" boolean not null default false, "project_id" int not null);`,
    );
    this.addSql(
      `alter table "task" add constraint "task_project_id_foreign" foreign key ("project_id") references "project" ("id");`,
    );
  }

  override down(): void | Promise<void> {
    this.addSql(`alter table "task" drop constraint "task_project_id_foreign";`);
    this.addSql(`drop table if exists "project" cascade;`);
    this.addSql(`drop table if exists "task" cascade;`);
  }
}
