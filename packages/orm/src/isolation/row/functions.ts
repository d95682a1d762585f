import { quoteName } from '../../sql/quote.ts';
import type { RowFunction } from './catalogue.ts';
import type { Expectation, Requirement } from './requirement.ts';

/**
 * What a function of shared tables lacks. PostgreSQL runs the action of a foreign key (`on delete cascade` and the like) as the owner of
 * the tables, whom no policy binds, and with it triggers, checks, defaults and indexes of the table that it changes. So what those call
 * runs as the role that changes rows, which is bound like the tenants.
 */
export function functionRequirements(
  { name, definer, ofChanges, inActions, owned, executable }: RowFunction,
  { schema, roles }: Expectation,
): Requirement[] {
  const changes = quoteName(roles.changes);
  if (inActions && !(definer && ofChanges)) {
    const fault =
      "a foreign key's action calls it as the owner of the tables, where it would see the rows of all tenants";
    const sql = asChanges(name, changes);
    if (!owned) return [{ on: name, fault, open: true, steps: [], remedy: sql.join('; ') }];
    const steps = ofChanges ? sql.slice(1) : givenToChanges(name, schema, roles);
    return [{ on: name, fault, open: true, steps: steps.map((step) => ({ stage: 'rights', sql: step })) }];
  }
  if (definer && !ofChanges) {
    const fault = 'it is security definer, and would see the rows of all tenants: make it security invoker';
    return [{ on: name, fault, open: true, steps: [], remedy: `alter routine ${name} security invoker` }];
  }
  if (executable) return [];
  const grant = `grant execute on routine ${name} to ${quoteName(roles.tenants)}, ${changes}`;
  return [
    { on: name, fault: 'it is not granted to the tenants', open: false, steps: [{ stage: 'rights', sql: grant }] },
  ];
}

/** SQL of the owner of shared tables that has a function run as the role that changes rows, which owns it afterwards. */
export function givenToChanges(name: string, schema: string, roles: Pick<Expectation['roles'], 'changes'>): string[] {
  const changes = quoteName(roles.changes);
  const create = `create on schema ${quoteName(schema)}`;
  return [`grant ${create} to ${changes}`, ...asChanges(name, changes), `revoke ${create} from ${changes}`];
}

function asChanges(name: string, changes: string): string[] {
  return [`alter routine ${name} owner to ${changes}`, `alter routine ${name} security definer`];
}
