import type { OrmPlacement } from '../../placement/placement.ts';
import {
  currentTenant,
  formerTenants,
  secretsTable,
  tenantColumn,
  verifiedTenant,
  writingTenant,
} from '../../placement/shared-tables.ts';
import { sqlState } from '../../sql/error-codes.ts';
import { quoteName, quoteText } from '../../sql/quote.ts';
import type { Catalogue, OwnFunctionFacts } from './catalogue.ts';
import { adoption } from './former-tenants.ts';
import type { Expectation, Requirement } from './requirement.ts';

type Schema = Pick<Expectation, 'schema' | 'roles'>;

/** A function that the policies of a shared schema call. It runs as the owner, and finds PostgreSQL's own functions only. */
interface OwnFunction {
  readonly name: string;
  readonly source: string;
  /** Whether it locks, and sees what was committed after its statement had begun. */
  readonly locks: boolean;
  /** What it is for, in words. */
  readonly purpose: string;
}

/**
 * Who may become the owner of the tables needs no proof: what migrates, makes and removes tenants, and processes that do not use the
 * tenants' login yet. The proof is an HMAC with SHA-256; what is compared are digests, so that how long it takes says nothing.
 */
function verifying({ schema }: Schema): OwnFunction {
  const source = `
declare
  said text := ${currentTenant};
  proof text := coalesce(current_setting('omnitenant.proof', true), '');
begin
  if said is null or pg_has_role(session_user, current_user, 'member') then
    return said;
  end if;
  if exists (select from ${quoteName(schema)}.${secretsTable} where sha256(convert_to(proof, 'UTF8')) = sha256(convert_to(encode(
      sha256(outer_pad || sha256(inner_pad || convert_to(octet_length(said) || ':' || said, 'UTF8'))), 'hex'), 'UTF8'))) then
    return said;
  end if;
  raise exception 'the tenant is not proven' using errcode = '${sqlState.insufficientPrivilege}';
end `;
  return { name: verifiedTenant, source, locks: false, purpose: 'it verifies the tenants' };
}

/**
 * A removal waits for the transactions that have written rows of its tenant, and refuses those that come later. What migrates and removes
 * is let through: it runs as the role that changes rows, and excludes the others by its lease.
 */
function writing({ schema, roles }: Schema, verifies: boolean): OwnFunction {
  const said = verifies ? `${quoteName(schema)}.${verifiedTenant}()` : currentTenant;
  const source = `
declare
  said text := ${said};
begin
  if said is null or current_setting('role') = ${quoteText(roles.changes)} then
    return said;
  end if;
  perform pg_advisory_xact_lock_shared(${writersKey(schema, 'said')});
  if exists (select from ${quoteName(schema)}.${formerTenants} where ${tenantColumn} = said and not starts_with(incarnation, ${quoteText(adoption)})) then
    raise exception 'the tenant "%" was removed', said using errcode = '${sqlState.tenantRemoved}';
  end if;
  return said;
end `;
  return { name: writingTenant, source, locks: true, purpose: 'it refuses what removed tenants write' };
}

/** SQL with which a removal waits for who writes a tenant's rows, and keeps others from it until its transaction ends. */
export function waitForWriters({ schema }: Pick<OrmPlacement, 'schema'>, key: string): string {
  return `select pg_advisory_xact_lock(${writersKey(schema, quoteText(key))})`;
}

function writersKey(schema: string, key: string): string {
  return `hashtextextended(${quoteText(`omnitenant:writes:${schema}:`)} || ${key}, 0)`;
}

function ownFunctions(schema: Schema, verifies: boolean): OwnFunction[] {
  return [...(verifies ? [verifying(schema)] : []), writing(schema, verifies)];
}

/** SQL with which the owner of a shared schema makes the functions that its policies call. */
export function ownFunctionsSql(schema: Schema, verifies: boolean): string[] {
  return ownFunctions(schema, verifies).flatMap((one) => createSql(one, schema));
}

function createSql({ name, source, locks }: OwnFunction, { schema, roles: { tenants, changes } }: Schema): string[] {
  const called = `${quoteName(schema)}.${name}()`;
  return [
    `create or replace function ${called} returns text language plpgsql ${locks ? 'volatile' : 'stable parallel safe'} security definer ` +
      `set search_path = pg_catalog, pg_temp as $omnitenant$${source}$omnitenant$`,
    `revoke all on function ${called} from public`,
    `grant execute on function ${called} to ${quoteName(tenants)}, ${quoteName(changes)}`,
  ];
}

/** What is lacking of the functions that the policies call. */
export function ownFunctionRequirements(catalogue: Catalogue, schema: Schema): Requirement[] {
  const verifies = catalogue.reference?.verifies === true;
  return ownFunctions(schema, verifies)
    .filter((one) => !isRight(one, catalogue.ownFunctions[one.name]))
    .map((one) => ({
      on: one.name,
      fault: `${one.purpose}, and ${catalogue.ownFunctions[one.name] === undefined ? 'is missing' : 'was changed'}`,
      open: true,
      steps: createSql(one, schema).map((sql) => ({ stage: 'column', sql })),
    }));
}

function isRight({ source, locks }: OwnFunction, found: OwnFunctionFacts | undefined): boolean {
  const { owned, executable, ...facts } = found ?? {};
  const expected: Omit<OwnFunctionFacts, 'owned' | 'executable'> = {
    source,
    language: 'plpgsql',
    definer: true,
    volatility: locks ? 'v' : 's',
    parallel: locks ? 'u' : 's',
    config: ['search_path=pg_catalog, pg_temp'],
    returns: 'text',
  };
  return owned === true && executable === true && JSON.stringify(facts) === JSON.stringify(expected);
}
