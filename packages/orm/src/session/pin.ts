import { type OrmPlacement, tenantSetting } from '../placement/placement.ts';
import { proofSetting } from '../placement/shared-tables.ts';
import type { Command } from '../sql/client.ts';
import { quoteName, quoteText } from '../sql/quote.ts';

/** What a pin carries beyond the placement. */
export interface PinOptions {
  /** The tenant that row-level security is told, where tenants share their tables. */
  readonly rowsOf?: string | undefined;
  /** The schema of extensions, which is looked into after the tenant's own. */
  readonly extensions?: string | undefined;
  /** Whether writes are refused. */
  readonly readOnly?: boolean | undefined;
  /** PostgreSQL's settings for the tenant, by name. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
}

/**
 * The pin of a placement (elsewhere called its session context): the statements that bring a connection to it. They hold until the
 * end of their transaction, and each of the tenant's statements is sent with all of them.
 */
export function pinOf(
  placement: OrmPlacement,
  { rowsOf, readOnly, extensions, settings = {} }: PinOptions = {},
): readonly string[] {
  const { role } = placement;
  const pin = [`set local search_path to ${pathOf(placement, extensions)}`];
  if (role !== undefined) pin.unshift(`set local role ${quoteName(role)}`);
  if (rowsOf !== undefined) pin.push(`set local ${tenantSetting} to '${rowsOf}'`);
  if (readOnly) pin.push('set local transaction_read_only to on');
  for (const [name, value] of Object.entries(settings)) pin.push(`set local ${name} to ${quoteText(value)}`);
  return pin;
}

/**
 * The pin of a tenant that shares tables through a login of their own: one command, whose proof is bound. In its text, whoever has the
 * same login could read it.
 */
export function signedPinOf(
  placement: OrmPlacement,
  { rowsOf = '', proof, readOnly, extensions, settings }: PinOptions & { readonly proof: string },
): readonly Command[] {
  const all = {
    ...settings,
    search_path: pathOf(placement, extensions),
    // Any of the login's tenants can change what its sessions begin with, and this says where texts end.
    standard_conforming_strings: 'on',
    [tenantSetting]: rowsOf,
    [proofSetting]: proof,
    ...(readOnly && { transaction_read_only: 'on' }),
  };
  return [settingCommand(all)];
}

/** A command that sets settings until the end of the transaction, also of one that nothing has begun. */
export function settingCommand(settings: Readonly<Record<string, string>>): Command {
  const calls = Object.keys(settings).map((name, n) => `pg_catalog.set_config('${name}', $${n + 1}, true)`);
  return { text: `select ${calls.join(', ')}`, values: Object.values(settings) };
}

/** PostgreSQL looks into temporary tables first, unless the path names their place in it. */
function pathOf({ schema }: OrmPlacement, extensions: string | undefined): string {
  const path = [schema, ...(extensions === undefined ? [] : [extensions])].map(quoteName);
  return `${path.join(', ')}, pg_temp`;
}
