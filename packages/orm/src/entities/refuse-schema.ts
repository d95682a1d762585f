import { TenancyError } from '@omnitenant/core';
import { tenantSetting } from '../placement/placement.ts';

/** @throws SCHEMA_REFUSED when a schema is given that MikroORM does not name in this scope itself. */
export function refuseSchema(
  schema: string | null | undefined,
  { namedSchema }: { readonly namedSchema?: string | undefined },
): void {
  if (schema === undefined || schema === null || schema === namedSchema) return;
  throw new TenancyError(
    'SCHEMA_REFUSED',
    `The schema "${schema}" was given. A scope has one schema, its tenant's: remove the option, and enter another tenant with tenancy.run().`,
  );
}

/** What MikroORM sets in a session for row-level security of the application's own. */
export interface SessionContext {
  readonly variables?: Readonly<Record<string, unknown>> | undefined;
  readonly role?: string | undefined;
}

/** The settings that lead a statement to its tenant. */
const pinned: ReadonlySet<string> = new Set(['search_path', 'role', 'session_authorization', tenantSetting]);

/** @throws SCHEMA_REFUSED when a session context replaces what leads a statement to its tenant. */
export function refusePinned({ variables = {}, role }: SessionContext = {}): void {
  const name = role === undefined ? Object.keys(variables).find((key) => pinned.has(key.toLowerCase())) : 'role';
  if (name === undefined) return;
  throw new TenancyError(
    'SCHEMA_REFUSED',
    `The session context sets "${name}", which leads a statement to its tenant. Remove it, and enter another tenant with tenancy.run().`,
  );
}
