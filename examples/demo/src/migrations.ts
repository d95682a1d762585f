import { Migration } from '@mikro-orm/migrations';

/** Table names are unqualified: each tenant runs this in its own schema or database. */
export class Migration20260105CreateTracker extends Migration {
  override up(): void {
    this.addSql(`create table customer (id serial primary key, name text not null)`);
    this.addSql(
      `create table project (id serial primary key, name text not null, customer_id int not null references customer)`,
    );
    this.addSql(
      `create table task (id serial primary key, title text not null, project_id int not null references project)`,
    );
    this.addSql(`create index task_project_id on task (project_id)`);
  }
}

export class Migration20260212AddTaskDone extends Migration {
  override up(): void {
    this.addSql(`alter table task add column done boolean not null default false`);
  }
}
