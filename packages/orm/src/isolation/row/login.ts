import { isTenancyError } from '@omnitenant/core';
import type { Pools } from '../../connections/pools.ts';
import type { RowWall } from '../../placement/row-login.ts';
import { rowRoles, verifiedTenant } from '../../placement/shared-tables.ts';
import { envelopesOf } from '../../session/envelopes.ts';
import { signedPinOf } from '../../session/pin.ts';
import { sqlState } from '../../sql/error-codes.ts';
import { quoteName, quoteText } from '../../sql/quote.ts';
import type { SharedSchema } from './prepare.ts';

/** What the login of tenants that share tables finds when it connects. */
export interface LoginFacts {
  /** Whether other tenants' statements are shown to it, in pg_stat_activity. */
  readonly seesStatements: boolean;
  /** Whether the server's log gets values that are bound, and so its proofs. */
  readonly logsValues: boolean;
  /** SQL that takes back what its sessions begin with, which any of its tenants can set for all. */
  readonly resets: readonly string[];
}

/** No tenant has it. */
const key = 'omnitenant check';

/**
 * Connects as the tenants' login does, and has a proof of ours verified there.
 *
 * @throws whatever keeps it from that.
 */
export async function tryLogin(pools: Pools, placement: SharedSchema, wall: RowWall): Promise<LoginFacts> {
  const { role, schema } = placement;
  const pin = signedPinOf(placement, { rowsOf: key, proof: wall.proofOf({ ...placement, key }) });
  const client = await pools.connect({ ...placement, login: role });
  try {
    const { rows } = await client.send({
      text: `select ${quoteName(schema)}.${verifiedTenant}() = ${quoteText(key)} and session_user = ${quoteText(rowRoles(placement).tenants)} as verified,
        current_setting('track_activities')::boolean as "seesStatements",
        current_setting('log_parameter_max_length') <> '0' and (current_setting('log_statement') = 'all' or current_setting('log_duration')::boolean
          or current_setting('log_min_duration_statement') <> '-1' or current_setting('log_min_duration_sample') <> '-1'
          or current_setting('log_transaction_sample_rate') <> '0')
          or current_setting('log_parameter_max_length_on_error') <> '0' as "logsValues",
        array(select format('alter role %I%s reset %I', session_user, case setdatabase when 0 then '' else format(' in database %I', datname) end, split_part(s, '=', 1))
          from pg_db_role_setting left join pg_database d on d.oid = setdatabase, unnest(setconfig) s where setrole = to_regrole(quote_ident(session_user))
          and setdatabase in (0, (select oid from pg_database where datname = current_database()))
          and split_part(s, '=', 1) not in ('track_activities', 'log_parameter_max_length')) as resets`,
      envelope: envelopesOf(pin).any,
    });
    const { verified, ...facts } = rows[0] as unknown as LoginFacts & { readonly verified: boolean };
    if (!verified)
      throw Object.assign(new Error(`it is not "${role}" that is connected.`), {
        code: sqlState.insufficientPrivilege,
      });
    return facts;
  } finally {
    client.release();
  }
}

/** Whether PostgreSQL refuses the login or its proof, as opposed to a server that is not there. */
export function isRefused(error: unknown): boolean {
  const { code } = refusalOf(error) as { code?: string };
  return code?.startsWith('28') === true || code === sqlState.insufficientPrivilege;
}

/** What PostgreSQL itself says of a connection that it refuses. */
export function refusalOf(error: unknown): Error {
  return (isTenancyError(error) && error.cause instanceof Error ? error.cause : error) as Error;
}
