import { type OrmPlacement, tenantSetting } from '../placement/placement.ts';
import { quoteName } from '../sql/quote.ts';

/** What a pin carries beyond the placement. */
export interface PinOptions {
  /** The tenant that row-level security is told, where tenants share their tables. */
  readonly rowsOf?: string | undefined;
  /** The schema of extensions, which is looked into after the tenant's own. */
  readonly extensions?: string | undefined;
  /** Whether writes are refused. */
  readonly readOnly?: boolean | undefined;
}

/**
 * The pin of a placement (elsewhere called its session context): the statements that bring a connection to it. They hold until the
 * end of their transaction, and each of the tenant's statements is sent with all of them.
 */
export function pinOf(
  { schema, role }: OrmPlacement,
  { rowsOf, readOnly, extensions }: PinOptions = {},
): readonly string[] {
  // PostgreSQL looks into temporary tables first, unless the path names their place in it.
  const path = [schema, ...(extensions === undefined ? [] : [extensions])].map(quoteName);
  const pin = [`set local search_path to ${path.join(', ')}, pg_temp`];
  if (role !== undefined) pin.unshift(`set local role ${quoteName(role)}`);
  if (rowsOf !== undefined) pin.push(`set local ${tenantSetting} to '${rowsOf}'`);
  if (readOnly) pin.push('set local transaction_read_only to on');
  return pin;
}
