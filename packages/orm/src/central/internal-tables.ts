import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { centralSchema } from '../entities/entity-scope.ts';
import { quoteName, quoteText } from '../sql/quote.ts';

/** The leases of tenants' ids. */
export const leaseTable = inCentral('omnitenant_lease');

/** Where removed tenants were, so that no later tenant gets their names. */
export const formerTenantTable = inCentral('omnitenant_former_tenant');

/** What has changed in tenants and domains, and the number of the last change. */
export const changeTable = inCentral('omnitenant_change');
export const changeCounterTable = inCentral('omnitenant_change_counter');

/** What was done with tenants, and by whom. */
export const auditTable = inCentral('omnitenant_audit');
const auditGuard = inCentral('omnitenant_audit_is_append_only');

/** The long verbs that operators have begun. */
export const operationTable = inCentral('omnitenant_operation');
/** What tenants have used, by day, and the batches that were added lately. */
export const usageTable = inCentral('omnitenant_usage');
export const usageBatchTable = inCentral('omnitenant_usage_batch');

/** The moves of tenants that are under way, or that a process has left. */
export const moveTable = inCentral('omnitenant_move');

/** The tokens that were used, until they have expired. */
export const redeemedTokenTable = inCentral('omnitenant_redeemed_token');

/** What tenants say of hosts, and the hosts that they have had. */
export const domainClaimTable = inCentral('omnitenant_domain_claim');
export const formerDomainTable = inCentral('omnitenant_former_domain');

/** Who is told of what happens to tenants, and what they have not been told yet. */
export const subscriberTable = inCentral('omnitenant_subscriber');
export const outboxTable = inCentral('omnitenant_outbox');

/** The tables of central that are the orm's own. They are in no entity and in no migration of the application. */
export const internalTables: string = `
  create table if not exists ${leaseTable} (
    id text collate "C" primary key, holder text not null, verb text not null, ends_at timestamptz not null
  );
  create table if not exists ${formerTenantTable} (
    id text collate "C" not null, created_at timestamptz not null, isolation text not null,
    server text collate "C" not null, database text collate "C" not null, schema text collate "C" not null, role text collate "C" not null,
    primary key (server, database, schema, id, created_at)
  );
  create table if not exists ${changeTable} (
    number bigint primary key, kind text not null, name text not null, updated_at bigint
  );
  create table if not exists ${redeemedTokenTable} (id text collate "C" primary key, expires_at timestamptz not null);
  create index if not exists omnitenant_redeemed_token_expiry on ${redeemedTokenTable} (expires_at);
  create table if not exists ${domainClaimTable} (
    host text collate "C" not null, tenant text collate "C" not null, created_at timestamptz not null, token text not null, is_primary boolean not null,
    state text not null default 'pending', missed integer not null default 0, problem text,
    claimed_at timestamptz not null, checked_at timestamptz, verified_at timestamptz, primary key (host, tenant)
  );
  create index if not exists omnitenant_domain_claim_tenant on ${domainClaimTable} (tenant);
  create table if not exists ${formerDomainTable} (
    host text collate "C" not null, tenant text collate "C" not null, created_at timestamptz not null, left_at timestamptz not null,
    primary key (host, tenant, created_at)
  );
  create index if not exists omnitenant_former_domain_age on ${formerDomainTable} (left_at);
  create table if not exists ${usageTable} (
    tenant text collate "C" not null, created_at timestamptz not null, day date not null,
    statements bigint not null, milliseconds bigint not null, rows bigint not null, jobs bigint not null, cache_bytes bigint not null,
    primary key (tenant, created_at, day)
  );
  create index if not exists omnitenant_usage_day on ${usageTable} (day);
  create table if not exists ${usageBatchTable} (id text collate "C" primary key, added_at timestamptz not null default now());
  create table if not exists ${moveTable} (
    id text collate "C" primary key, created_at timestamptz not null, token text not null, step text not null,
    wish jsonb not null, origin jsonb not null, target jsonb not null
  );
  create table if not exists ${subscriberTable} (name text collate "C" primary key, types jsonb not null, disabled_at timestamptz);
  create table if not exists ${outboxTable} (
    subscriber text collate "C" not null references ${subscriberTable} on delete cascade, number bigint not null,
    id text not null, type text not null, tenant text collate "C" not null, created_at timestamptz not null, host text,
    at timestamptz not null default clock_timestamp(), attempts integer not null default 0, error text,
    due_at timestamptz not null default clock_timestamp(), dead_at timestamptz, primary key (subscriber, number)
  );
  create index if not exists omnitenant_outbox_waiting on ${outboxTable} (subscriber, tenant, number) where dead_at is null;
  create table if not exists ${changeCounterTable} (one boolean primary key default true check (one), number bigint not null);
  insert into ${changeCounterTable} (number) values (0) on conflict do nothing;
  create table if not exists ${auditTable} (
    id bigint generated always as identity primary key, at timestamptz not null default clock_timestamp(), verb text not null, tenant text collate "C",
    actor text, reason text, call text not null, outcome text not null, before jsonb, after jsonb, error jsonb
  );
  create index if not exists omnitenant_audit_tenant on ${auditTable} (tenant, id);
  create or replace function ${auditGuard}() returns trigger language plpgsql as $guard$
    begin raise exception 'The audit is append-only: % is refused.', lower(tg_op) using errcode = 'insufficient_privilege'; end $guard$;
  create or replace trigger omnitenant_audit_rows before update or delete on ${auditTable} for each row execute function ${auditGuard}();
  create or replace trigger omnitenant_audit_all before truncate on ${auditTable} for each statement execute function ${auditGuard}();
  create table if not exists ${operationTable} (
    id text collate "C" primary key, number bigint generated always as identity, verb text not null, tenant text collate "C", actor text not null,
    reason text, key text, digest text not null, holder text not null, status text not null, progress jsonb, result jsonb, error jsonb,
    started_at timestamptz not null default clock_timestamp(), ended_at timestamptz, ends_at timestamptz not null, unique (actor, key)
  );
  create index if not exists omnitenant_operation_running on ${operationTable} (ends_at) where status = 'running'`;

/** Makes the tables that are not there: an earlier version may have made central, or migrations of the application. */
export async function createInternalTables(em: TenantEntityManager): Promise<void> {
  const names = [leaseTable, formerTenantTable, changeTable, changeCounterTable, auditTable, operationTable].concat(
    usageTable,
    usageBatchTable,
    moveTable,
    redeemedTokenTable,
    domainClaimTable,
    formerDomainTable,
    subscriberTable,
    outboxTable,
  );
  const found = await em.execute<{ missing: boolean }[]>(
    `select ${names.map((name) => `to_regclass(${quoteText(name)}) is null`).join(' or ')} as missing`,
  );
  if (found[0]?.missing) await em.execute(internalTables);
}

function inCentral(table: string): string {
  return `${quoteName(centralSchema)}.${quoteName(table)}`;
}
