import {
  currentTenant,
  formerTenants,
  type OwnRows,
  ownRows,
  type RowRoles,
  secretsTable,
  standInPrefix,
  tenantColumn,
  tenantPolicy,
  verifiedTenant,
  writingTenant,
} from '../../placement/shared-tables.ts';
import { quoteName } from '../../sql/quote.ts';
import type { Catalogue, Policy, Relation } from './catalogue.ts';
import { functionRequirements } from './functions.ts';
import { keyRequirements } from './keys.ts';
import { ownFunctionRequirements } from './own-functions.ts';
import type { Expectation, Requirement, Step } from './requirement.ts';
import { wallRequirements } from './wall.ts';

const stages: readonly Step['stage'][] = ['column', 'drop', 'key', 'reference', 'rights'];

/** The SQL of all requirements, in order. */
export function stepsOf(requirements: readonly Requirement[]): string[] {
  const steps = requirements.flatMap((requirement) => requirement.steps);
  return stages.flatMap((stage) => steps.filter((step) => step.stage === stage).map(({ sql }) => sql));
}

/** All that a shared schema lacks. Where it lacks nothing, its tenants are kept apart. */
export function requirementsOf(catalogue: Catalogue, expected: Expectation): Requirement[] {
  const { roles, logTable } = expected;
  const internal = (relation: Relation) =>
    relation.relname === logTable ||
    relation.relname === `${logTable}_id_seq` ||
    relation.relname === formerTenants ||
    relation.relname === secretsTable ||
    relation.relname.startsWith(standInPrefix);
  const tables = catalogue.relations.filter((relation) => isTable(relation) && !internal(relation));
  const keys = keyRequirements(catalogue, tables, expected);
  const unready = new Set(keys.map(({ on }) => on));
  return [
    ...catalogue.roleFaults.map(({ fault, sql, open }) => ({ on: 'roles', fault, open, steps: [], remedy: sql })),
    ...(catalogue.schemaOwner === roles.owner
      ? []
      : [
          {
            on: 'schema',
            fault: `it belongs to the role "${catalogue.schemaOwner}", and not to "${roles.owner}"`,
            open: true,
            steps: [],
            remedy: `alter schema ${quoteName(expected.schema)} owner to ${quoteName(roles.owner)}`,
          },
        ]),
    ...wallRequirements(catalogue, expected),
    ...ownFunctionRequirements(catalogue, expected),
    ...(isReferenceRight(catalogue, expected)
      ? []
      : [
          {
            on: 'schema',
            fault: `the table "${formerTenants}", whose policy is the reference for the others, is missing or was changed`,
            open: true,
            steps: [],
          },
        ]),
    ...catalogue.functions.flatMap((found) => functionRequirements(found, expected)),
    ...catalogue.outsideViews.map((view) => ({
      on: view,
      fault: 'it reads shared tables with the rights of its owner, and tenants may read it',
      open: true,
      steps: [],
      remedy: `revoke all on ${view} from public, ${grantees(roles)}`,
    })),
    ...catalogue.defaults.map(({ role, fault, sql }) => ({
      on: 'schema',
      fault,
      open: true,
      steps: role === roles.owner ? [right(sql)] : [],
      remedy: role === roles.owner ? undefined : sql,
    })),
    ...catalogue.relations.flatMap((relation) => {
      if (internal(relation)) return withoutRights(relation, roles);
      const found = ofRelation(relation, roles, ownRowsOf(catalogue, expected.schema));
      return found.length > 0 || unready.has(relation.name) ? found : grants(relation, roles);
    }),
    ...keys,
  ];
}

export function isTable({ kind }: Relation): boolean {
  return kind === 'r' || kind === 'p';
}

/** Whether rows of tenants are found in it. */
export function holdsTenants(relation: Relation): boolean {
  return isTable(relation) && relation.tenant !== null && !relation.isPartition && relation.relname !== formerTenants;
}

function ofRelation(relation: Relation, roles: RowRoles, own: OwnRows): Requirement[] {
  const { name, kind, granted } = relation;
  const open = granted.length > 0;
  const refusal = (fault: string, isOpen = open): Requirement[] => [{ on: name, fault, open: isOpen, steps: [] }];
  if (!relation.owned) {
    const remedy = `alter table ${name} owner to ${quoteName(roles.owner)}`;
    return [{ on: name, fault: `it does not belong to the role "${roles.owner}"`, open, steps: [], remedy }];
  }
  if (Number(relation.rules) > 0)
    return refusal('it has a rule, which would run with the rights of its owner: use a trigger');
  switch (kind) {
    case 'm':
      return refusal(
        'it is a materialized view, which row-level security does not bind, so all tenants would read it: use a view or a table',
      );
    case 'f':
      return refusal(
        'it is a foreign table, which row-level security does not bind, so all tenants would read it: use a table',
      );
    case 'S':
      return granted.some((right) => right !== 'usage')
        ? [
            requirement(relation, 'a tenant may set it', [
              right(`revoke all on sequence ${name} from public, ${grantees(roles)}`),
            ]),
          ]
        : [];
    case 'v':
      return relation.invoker
        ? []
        : [
            requirement(relation, 'it reads with the rights of its owner: make it security_invoker', [
              right(`alter view ${name} set (security_invoker = true)`),
            ]),
          ];
    default:
      return relation.isPartition ? withoutRights(relation, roles) : ofTable(relation, roles, own);
  }
}

function ofTable(relation: Relation, roles: RowRoles, own: OwnRows): Requirement[] {
  const { name, tenant } = relation;
  if (tenant && !isOurs(tenant)) {
    return [
      {
        on: name,
        fault: `it has its own column "${tenantColumn}", in which shared tables store their tenant: rename it`,
        open: relation.granted.length > 0,
        steps: [],
      },
    ];
  }
  const steps: Step[] = [];
  const alter = (action: string) => steps.push({ stage: 'column', sql: `alter table ${name} ${action}` });
  if (!tenant) alter(`add column ${tenantColumn} text not null default ${currentTenant}`);
  if (!relation.rowSecurity) alter('enable row level security');
  if (relation.forced) alter('no force row level security');
  steps.push(...policySteps(relation, roles, own));
  if (steps.length > 0) return [requirement(relation, faultOf(relation), steps)];
  if (relation.indexed) return [];
  const index: Step = { stage: 'key', sql: `create index on ${name} (${tenantColumn})` };
  return [{ on: name, fault: "no index finds a tenant's rows", open: false, steps: [index] }];
}

function faultOf({ tenant, rowSecurity, forced }: Relation): string {
  if (!tenant) return `it has no column "${tenantColumn}"`;
  if (!rowSecurity) return 'its row-level security is off';
  if (forced) return 'its row-level security is forced on its owner, so that migrations would see no row';
  return 'its policies are not those of a shared table';
}

/** The column that protection adds. */
function isOurs({ type, notNull, isFilled }: NonNullable<Relation['tenant']>): boolean {
  return type === 'text' && notNull && isFilled;
}

const commands = { r: 'select', a: 'insert', w: 'update', d: 'delete', '*': 'all' } as const;

/**
 * One restrictive policy keeps the tenants apart, whatever the application's own policies allow. PostgreSQL shows no row without a
 * permissive one, so there is one for each command for which the application has none: beside its own it would void that.
 */
function policySteps({ name, policies }: Relation, roles: RowRoles, own: OwnRows): Step[] {
  const isOwn = ({ name: policy }: Policy) => /^omnitenant(?:_|$)/.test(policy);
  const others = policies.filter((policy) => policy.permissive && policy.forTenants && !isOwn(policy));
  const lacking = (['r', 'a', 'w', 'd'] as const).filter(
    (command) => !others.some((policy) => policy.command === command || policy.command === '*'),
  );
  const wanted: WantedPolicy[] = [
    { name: 'omnitenant', command: '*' },
    { name: 'omnitenant_changes', command: '*', to: roles.changes },
    ...(lacking.length === 4 ? (['*'] as const) : lacking).map((command) => ({
      name: `omnitenant_${commands[command]}`,
      command,
      to: roles.tenants,
    })),
  ];
  const steps: Step[] = [];
  for (const policy of policies.filter(isOwn)) {
    if (!wanted.some((one) => isSamePolicy(one, policy))) {
      steps.push({ stage: 'column', sql: `drop policy ${quoteName(policy.name)} on ${name}` });
    }
  }
  for (const policy of wanted) {
    if (policies.some((one) => isSamePolicy(policy, one))) continue;
    steps.push({ stage: 'column', sql: policySql(name, policy, own) });
  }
  return steps;
}

/** One of the policies that a shared table has: the restrictive one is everybody's, the others a role's. */
interface WantedPolicy {
  readonly name: string;
  readonly command: Policy['command'];
  readonly to?: string;
}

function policySql(table: string, { name, command, to }: WantedPolicy, own: OwnRows): string {
  if (to === undefined) return tenantPolicy(table, own);
  const clause = command === 'a' ? 'with check (true)' : 'using (true)';
  return `create policy ${name} on ${table} for ${commands[command]} to ${quoteName(to)} ${clause}`;
}

function isSamePolicy({ name, command, to }: WantedPolicy, found: Policy): boolean {
  if (name !== found.name || command !== found.command) return false;
  return to === undefined
    ? !found.permissive && found.isReference && found.forTenants && found.forChanges
    : found.permissive && (found.forTenants || found.forChanges);
}

/** Whether the policy and the default that all others are compared with are what they have to be. */
function isReferenceRight(catalogue: Catalogue, { schema }: Expectation): boolean {
  const { reference } = catalogue;
  const own = ownRowsOf(catalogue, schema);
  return (
    reference?.refusesRemoved === true &&
    plain(reference.using) === plain(own.seen) &&
    plain(reference.check) === plain(own.written) &&
    plain(reference.default) === plain(currentTenant)
  );
}

/** Which rows the tables of a schema show and take: of tenants that are verified, or not. */
function ownRowsOf({ reference }: Catalogue, schema: string): OwnRows {
  return ownRows(schema, reference?.verifies === true);
}

/** An expression without what PostgreSQL adds when it writes one down, and without the schema of our functions, which are looked at apart. */
function plain(expression: string): string {
  return expression
    .replaceAll(new RegExp(String.raw`(?:"(?:[^"]|"")+"|\w+)\.(?=(?:${verifiedTenant}|${writingTenant})\b)`, 'g'), '')
    .replaceAll(/::text\b| AS "?\w+"?|[\s()]/gi, '')
    .toLowerCase();
}

/** What is granted, once all else is as it has to be. What the application has revoked since stays revoked. */
function grants(relation: Relation, roles: RowRoles): Requirement[] {
  const { name, kind, granted, changes } = relation;
  if (relation.isPartition) return [];
  const isExcessive = granted.some((one) => ['truncate', 'references', 'trigger'].includes(one));
  const [on, rights] =
    kind === 'S'
      ? ([`sequence ${name}`, 'usage'] as const)
      : ([`table ${name}`, 'select, insert, update, delete'] as const);
  const steps = [
    ...(granted.length === 0 ? [right(`grant ${rights} on ${on} to ${quoteName(roles.tenants)}`)] : []),
    ...(changes.length === 0 ? [right(`grant ${rights} on ${on} to ${quoteName(roles.changes)}`)] : []),
    ...(isExcessive ? [right(`revoke truncate, references, trigger on ${on} from public, ${grantees(roles)}`)] : []),
  ];
  const fault = isExcessive ? 'a tenant may empty it, or change it, for all' : 'it is not granted to the tenants';
  return steps.length > 0 ? [{ on: name, fault, open: isExcessive, steps }] : [];
}

/** A partition is reached through its table, and what migrations keep for themselves not at all. */
function withoutRights(relation: Relation, roles: RowRoles): Requirement[] {
  if (relation.granted.length === 0 && relation.changes.length === 0) return [];
  const on = relation.kind === 'S' ? 'sequence' : 'table';
  return [
    requirement(relation, 'a tenant may read it by its own name', [
      right(`revoke all on ${on} ${relation.name} from public, ${grantees(roles)}`),
    ]),
  ];
}

function requirement({ name, granted }: Relation, fault: string, steps: readonly Step[]): Requirement {
  return { on: name, fault, open: granted.length > 0, steps };
}

function right(sql: string): Step {
  return { stage: 'rights', sql };
}

function grantees({ tenants, changes }: RowRoles): string {
  return `${quoteName(tenants)}, ${quoteName(changes)}`;
}
