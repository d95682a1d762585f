/** The version of the tables, which the one row of `counter` has. */
export const centralVersion = 1;

const name = 'varchar(255) character set ascii collate ascii_bin';
const text = 'longtext character set utf8mb4 collate utf8mb4_bin';

/** Milliseconds since 1970, by the clock of the server, which all processes share. */
export const now = 'cast(unix_timestamp(now(3)) * 1000 as unsigned)';

/** Central's tables. Times are milliseconds since 1970; what is JSON is text. */
const tables: Readonly<Record<string, string>> = {
  // What gives changes their numbers, and tenants their moments of creation. Who writes tenants holds it until the commit.
  counter: 'one tinyint primary key, version int not null, last_change bigint not null, last_moment bigint not null',
  tenant: `id ${name} primary key, name ${text} not null, status ${name} not null, isolation ${name} not null, placement ${text} not null,
    config ${text} not null, retain_until bigint, created_at bigint not null, updated_at bigint not null, folded ${text} not null,
    key tenant_status (status)`,
  domain: `host ${name} primary key, tenant_id ${name} not null, is_primary tinyint not null,
    constraint domain_tenant foreign key (tenant_id) references tenant (id) on delete cascade`,
  lease: `id ${name} primary key, holder ${name} not null, verb ${name} not null, ends_at bigint not null`,
  record_change: `number bigint primary key, kind ${name} not null, name ${name} not null, updated_at bigint`,
  audit: `id bigint primary key auto_increment, at bigint not null, verb ${name} not null, tenant ${name}, actor ${text}, reason ${text},
    \`call\` ${name} not null, outcome ${name} not null, \`before\` ${text}, \`after\` ${text}, error ${text}, key audit_tenant (tenant, id)`,
  operation: `number bigint primary key auto_increment, id ${name} not null, verb ${name} not null, tenant ${name},
    actor varchar(255) character set utf8mb4 collate utf8mb4_bin not null, reason ${text},
    request varchar(255) character set utf8mb4 collate utf8mb4_bin, digest ${name} not null, holder ${name} not null, status ${name} not null,
    progress ${text}, result ${text}, error ${text}, started_at bigint not null, ended_at bigint, ends_at bigint not null,
    unique key operation_id (id), unique key operation_request (actor, request)`,
  tenant_usage: `tenant ${name} not null, created_at bigint not null, day ${name} not null, statements bigint not null,
    milliseconds double not null, \`rows\` bigint not null, jobs bigint not null, cache_bytes bigint not null,
    primary key (tenant, created_at, day), key tenant_usage_day (day)`,
  usage_batch: `id ${name} primary key, added_at bigint not null`,
  redemption: `id ${name} primary key, expires_at bigint not null`,
};

/** What makes the tables that are not there yet, one statement after the other. */
export const makeTables: readonly string[] = [
  ...Object.entries(tables).map(
    ([table, columns]) => `create table if not exists ${table} (${columns}) engine = InnoDB`,
  ),
  `insert ignore into counter (one, version, last_change, last_moment) values (1, ${centralVersion}, 0, 0)`,
];
