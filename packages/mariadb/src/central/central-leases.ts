import type { TenantLease, TenantLeases } from '@omnitenant/core/extend';
import type { Admin, AdminSession } from './admin.ts';
import { now } from './central-tables.ts';

/** Leases in central, by the clock of the server. */
export function centralLeases(admin: Admin): TenantLeases {
  return {
    take: (id, { holder, verb }, termMs) =>
      // The row is locked by the first statement.
      admin.transaction(async (session) => {
        // The columns are set one after the other, and the end last: until then it tells whether the former lease has run out.
        await session.run(
          `insert into lease (id, holder, verb, ends_at) values (?, ?, ?, ${now} + ?) on duplicate key update
           holder = if(ends_at <= ${now}, values(holder), holder), verb = if(ends_at <= ${now}, values(verb), verb),
           ends_at = if(ends_at <= ${now}, values(ends_at), ends_at)`,
          ...[id, holder, verb, termMs],
        );
        return (await session.get<TenantLease>('select holder, verb from lease where id = ?', id)) as TenantLease;
      }),

    renew: async (id, holder, termMs) =>
      (await admin.run(`update lease set ends_at = ${now} + ? where id = ? and holder = ?`, termMs, id, holder)) > 0,

    async release(id, holder) {
      await admin.run('delete from lease where id = ? and holder = ?', id, holder);
    },
  };
}

/** Who has the lease of an id, or had it last. The answer holds until the caller's transaction ends. */
export async function holderOf(session: AdminSession, id: string): Promise<string | undefined> {
  return (await session.get<{ holder: string }>('select holder from lease where id = ? for update', id))?.holder;
}
