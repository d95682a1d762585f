import { TenancyError } from '@omnitenant/core';
import type { OrmPlacement } from '../../placement/placement.ts';
import { tenantColumn } from '../../placement/shared-tables.ts';
import { sqlState } from '../../sql/error-codes.ts';
import { type Catalogue, catalogueQuery, readCatalogue } from './catalogue.ts';
import type { Expectation, Requirement } from './requirement.ts';
import { requirementsOf, stepsOf } from './requirements.ts';

/** Sends SQL, and gives back the rows of the last statement. */
export type Query = (sql: string) => Promise<readonly Record<string, unknown>[]>;

/** How often what one round has changed may ask for another. */
const rounds = 5;

/**
 * Gives the tables of a shared schema all that keeps its tenants apart, and then grants them. Run as the owner, in the transaction of
 * what has changed them: what is not protected yet is granted to nobody. Gives back what the catalogue says afterwards.
 *
 * @throws MIGRATE_FAILED where something cannot be protected.
 */
export async function protect(query: Query, placement: OrmPlacement, expected: Expectation): Promise<Catalogue> {
  for (let round = 0; round < rounds; round += 1) {
    const catalogue = readCatalogue(await query(catalogueQuery(placement)));
    if (!catalogue) throw failed(`The schema "${placement.schema}" does not exist.`);
    const requirements = requirementsOf(catalogue, expected);
    const undecided = requirements.filter(({ steps, open, on }) => steps.length === 0 && (open || on !== 'roles'));
    if (undecided.length > 0) throw failed(sentenceOf(placement, undecided));
    const steps = stepsOf(requirements);
    if (steps.length === 0) return catalogue;
    await query(steps.join(';\n')).catch((error: unknown) => Promise.reject(explained(error)));
  }
  throw failed(`The tables of the schema "${placement.schema}" cannot be protected: something changes them meanwhile.`);
}

/** What the tenants' role could reach, or cannot be served for, in one sentence for each object. */
export function sentenceOf({ schema }: Pick<OrmPlacement, 'schema'>, requirements: readonly Requirement[]): string {
  const objects = requirements.map(describeRequirement);
  return `Tenants of isolation "row" cannot share the schema "${schema}" as it is. ${objects.join('. ')}.`;
}

export function describeRequirement({ on, fault, remedy }: Requirement): string {
  const subject = on === 'roles' ? '' : `${on === 'schema' ? 'the schema' : on}: `;
  return `${subject}${fault}${remedy === undefined ? '' : `: ${remedy}`}`;
}

function explained(error: unknown): unknown {
  const {
    code,
    column,
    table,
    message = '',
  } = error as { code?: string; column?: string; table?: string; message?: string };
  if (code === sqlState.notNullViolation && column === tenantColumn) {
    return failed(
      `The table "${table}" has rows that belong to no tenant. Create it empty, and insert with a separate statement: it runs once for each tenant.`,
      error,
    );
  }
  if (code === sqlState.undefinedObject && message.includes('operator class')) {
    return failed(
      `An exclusion constraint of shared tables compares the tenant, too, which needs an operator class for text: create extension btree_gist. ${message}.`,
      error,
    );
  }
  return error;
}

function failed(message: string, cause?: unknown): TenancyError {
  return new TenancyError('MIGRATE_FAILED', message, { cause });
}
