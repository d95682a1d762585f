/** The version of the tables, which the file has as its `user_version`. */
export const centralVersion = 1;

/** Central's tables. Times are milliseconds since 1970; what is JSON is text. */
export const centralTables: string = `
create table tenant (
  id text primary key not null, name text not null, status text not null, isolation text not null, placement text not null,
  config text not null, retain_until integer, created_at integer not null, updated_at integer not null, folded text not null
) strict;
create index tenant_status on tenant (status);
create table domain (
  host text primary key not null, tenant_id text not null references tenant on delete cascade, is_primary integer not null
) strict;
create index domain_tenant on domain (tenant_id);
create table clock (last integer not null) strict;
insert into clock (last) values (0);
create table lease (id text primary key not null, holder text not null, verb text not null, ends_at integer not null) strict;
create table change (
  number integer primary key autoincrement not null, kind text not null, name text not null, updated_at integer
) strict;
create table audit (
  id integer primary key autoincrement not null, at integer not null, verb text not null, tenant text, actor text, reason text,
  call text not null, outcome text not null, before text, after text, error text
) strict;
create index audit_tenant on audit (tenant, id);
create table operation (
  number integer primary key autoincrement not null, id text unique not null, verb text not null, tenant text, actor text not null,
  reason text, key text, digest text not null, holder text not null, status text not null, progress text, result text, error text,
  started_at integer not null, ended_at integer, ends_at integer not null, unique (actor, key)
) strict;
create table usage (
  tenant text not null, created_at integer not null, day text not null, statements integer not null, milliseconds real not null,
  rows integer not null, jobs integer not null, cache_bytes integer not null, primary key (tenant, created_at, day)
) strict;
create index usage_day on usage (day);
create table usage_batch (id text primary key not null, added_at integer not null) strict;
create table redemption (id text primary key not null, expires_at integer not null) strict;
`;
