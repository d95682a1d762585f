import { TenancyError } from '@omnitenant/core';
import type { PlacementAnswer, PlacementDraft } from '@omnitenant/core/extend';

/** A kind of database on which each tenant has one of its own, and all of them are in one place. */
interface OnePlace {
  /** Its name in messages. */
  readonly on: string;
  /** What each tenant has there, such as "a file". */
  readonly own: string;
  /** Where all of them are, such as "in the one folder". */
  readonly where: string;
  /** What the placement calls that. */
  readonly server: string;
  readonly schema: (id: string) => string;
}

/**
 * The placement of a tenant in the only place that there is.
 *
 * @throws ISOLATION_UNKNOWN, or TENANT_INVALID if the tenant names a part of its placement.
 */
export function placeInOne({ on, own, where, server, schema }: OnePlace, draft: PlacementDraft): PlacementAnswer {
  const { id, isolation = 'database', placement = {} } = draft;
  if (isolation !== 'database') {
    const message = `Tenant "${id}" asks for isolation "${isolation}", and on ${on} each tenant has ${own} of its own: isolation "database".`;
    throw new TenancyError('ISOLATION_UNKNOWN', message, { tenant: id });
  }
  const named = ['server', 'url', 'database', 'schema', 'role'].find((part) => placement[part] !== undefined);
  if (named !== undefined) {
    const message = `Tenant "${id}" cannot be placed: it names a ${named}, and on ${on} all tenants are ${where}. Leave it out.`;
    throw new TenancyError('TENANT_INVALID', message, { tenant: id });
  }
  return { isolation, placement: { server, database: id, schema: schema(id) } };
}
