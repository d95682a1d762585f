import { Migration } from '@mikro-orm/migrations';

export class Migration20260301080000_create_blog extends Migration {
  override name = 'Migration20260301080000_create_blog';

  override up(): void | Promise<void> {
    this.addSql(
      `create table "user" ("id" serial primary key, "username" varchar(255) not null, "email" varchar(255) not null, "bio" text not null default '', "image" text not null default '', "password" varchar(255) not null);`,
    );
    this.addSql(`alter table "user" add constraint "user_username_unique" unique ("username");`);
    this.addSql(`alter table "user" add constraint "user_email_unique" unique ("email");`);

    this.addSql(
      `create table "article" ("id" serial primary key, "slug" varchar(255) not null, "title" varchar(255) not null, "description" varchar(255) not null, "body" text not null, "tag_list" text[] not null, "created_at" timestamptz not null, "updated_at" timestamptz not null, "author_id" int not null);`,
    );
    this.addSql(`alter table "article" add constraint "article_slug_unique" unique ("slug");`);

    this.addSql(
      `create table "comment" ("id" serial primary key, "body" text not null, "created_at" timestamptz not null, "article_id" int not null, "author_id" int not null);`,
    );

    this.addSql(
      `create table "user_favorites" ("user_id" int not null, "article_id" int not null, primary key ("user_id", "article_id"));`,
    );

    this.addSql(
      `create table "user_follows" ("follower_id" int not null, "followed_id" int not null, primary key ("follower_id", "followed_id"));`,
    );

    this.addSql(
      `alter table "article" add constraint "article_author_id_foreign" foreign key ("author_id") references "user" ("id");`,
    );

    this.addSql(
      `alter table "comment" add constraint "comment_article_id_foreign" foreign key ("article_id") references "article" ("id") on delete cascade;`,
    );
    this.addSql(
      `alter table "comment" add constraint "comment_author_id_foreign" foreign key ("author_id") references "user" ("id");`,
    );

    this.addSql(
      `alter table "user_favorites" add constraint "user_favorites_user_id_foreign" foreign key ("user_id") references "user" ("id") on update cascade on delete cascade;`,
    );
    this.addSql(
      `alter table "user_favorites" add constraint "user_favorites_article_id_foreign" foreign key ("article_id") references "article" ("id") on update cascade on delete cascade;`,
    );

    this.addSql(
      `alter table "user_follows" add constraint "user_follows_follower_id_foreign" foreign key ("follower_id") references "user" ("id") on update cascade on delete cascade;`,
    );
    this.addSql(
      `alter table "user_follows" add constraint "user_follows_followed_id_foreign" foreign key ("followed_id") references "user" ("id") on update cascade on delete cascade;`,
    );
  }
}
