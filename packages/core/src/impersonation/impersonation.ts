import { TenancyError } from '../errors/errors.ts';
import { admit } from '../lifecycle/admit.ts';
import type { Tenant } from '../models/tenant.ts';
import { type Acting, actingAs, actingFor } from '../scope/acting.ts';
import type { Auditing } from '../signals/auditing.ts';
import type { SignalSender } from '../signals/signals.ts';
import type { TenantStore } from '../stores/store.ts';
import type { CheckedImpersonation } from './impersonation-options.ts';
import { signToken, tokenInvalid, verifyToken } from './token.ts';

/** The user that an operator acts as, and why. */
export interface GrantOptions {
  /** The user, by whatever names one in the application. */
  readonly user: string;
  /** The operator. Default: who acts, by `tenancy.as`. */
  readonly as?: string | undefined;
  /** Why, for the record. */
  readonly reason?: string | undefined;
}

/** The result of a redeemed token: the user to create a session for, and the operator. */
export interface Impersonated<T extends Tenant = Tenant> {
  readonly tenant: T;
  readonly user: string;
  readonly by: Acting;
}

/** Operators who act as users of tenants, by tokens that are good for one use. */
export interface Impersonation<T extends Tenant = Tenant> {
  /**
   * Makes a token by which an operator becomes a user of an active tenant, once. Rejects with VETOED, as `run` does for a tenant that
   * cannot be entered, and with CONFIG_INVALID if nobody acts.
   */
  grant(tenant: string, options: GrantOptions): Promise<string>;
  /**
   * Uses a token in the scope of its tenant, and calls `session` to make the user's session, with the operator as the one who acts. A token
   * is used up also where `session` fails. Rejects with TOKEN_INVALID for a token that is used, expired, or for another tenant.
   * @example
   * await tenancy.impersonation.redeem(token, ({ user, by }) => login(user, { operator: by.actor }));
   */
  redeem<R>(token: string, session: (impersonated: Impersonated<T>) => R): Promise<Awaited<R>>;
}

/** What impersonation needs of its tenancy. */
export interface ImpersonationParts<T extends Tenant> {
  readonly options: CheckedImpersonation | undefined;
  readonly store: TenantStore<T>;
  readonly signals: SignalSender<T>;
  readonly auditing: Auditing;
  readonly find: (id: string) => T | undefined | Promise<T | undefined>;
  readonly tryCurrent: () => T | undefined;
}

/** The impersonation of one tenancy; without options it refuses. */
export function createImpersonation<T extends Tenant>(parts: ImpersonationParts<T>): Impersonation<T> {
  const { options, store, signals, auditing, find, tryCurrent } = parts;
  if (options === undefined) return { grant: async () => refuseOff(), redeem: async () => refuseOff() };
  const { redemptions } = store;
  if (redemptions === undefined) {
    throw invalid('requires a store that keeps which tokens are used, such as that of the orm.');
  }

  async function allow(id: string, user: string, by: Acting): Promise<string> {
    const tenant = admit(await find(id), id);
    return auditing({ verb: 'impersonate', tenant: tenant.id, after: () => ({ user }) }, async () => {
      await signals.emitBefore('impersonating', { tenant, user });
      return signToken(options as CheckedImpersonation, tenant, user, by);
    });
  }

  return {
    async grant(id, { user, as, reason }) {
      const by = actingFor({ as, reason });
      if (by === undefined) throw invalid('requires somebody who acts: call grant() in tenancy.as(), or pass "as".');
      if (typeof user !== 'string' || user === '') throw invalid('requires the user to act as.');
      return actingAs(by, () => allow(id, user, by));
    },

    async redeem<R>(token: string, session: (impersonated: Impersonated<T>) => R): Promise<Awaited<R>> {
      const tenant = tryCurrent();
      if (tenant === undefined) {
        throw new TenancyError('NOT_IN_TENANT', 'A token of impersonation is redeemed in the scope of its tenant.');
      }
      const { id, user, by, expiresAt } = await verifyToken(options, tenant, token);
      return actingAs(by, () =>
        auditing<Awaited<R>>(
          { verb: 'redeem', tenant: tenant.id, after: () => ({ user }) },
          async (): Promise<Awaited<R>> => {
            if (!(await redemptions.redeem(id, expiresAt))) throw tokenInvalid(tenant);
            await signals.emit('impersonated', { tenant, user });
            return await session({ tenant, user, by });
          },
        ),
      );
    },
  };
}

function refuseOff(): never {
  throw invalid('is not set, so impersonation is off.');
}

function invalid(fault: string): TenancyError {
  return new TenancyError('CONFIG_INVALID', `createTenancy({ impersonation }) ${fault}`);
}
