import type { TenantLease, TenantLeases } from '@omnitenant/core/extend';
import type { CentralFile, CentralSession } from './central-file.ts';

/** Leases in central's file. All processes that share it have the clock of one machine. */
export function fileLeases(central: CentralFile): TenantLeases {
  return {
    take: (id, { holder, verb }, termMs) =>
      central.write((session) => {
        const inForce = session.get<TenantLease>(
          'select holder, verb from lease where id = ? and ends_at > ?',
          id,
          Date.now(),
        );
        if (inForce !== undefined) return inForce;
        const endsAt = Date.now() + termMs;
        session.run(
          'insert or replace into lease (id, holder, verb, ends_at) values (?, ?, ?, ?)',
          id,
          holder,
          verb,
          endsAt,
        );
        return { holder, verb };
      }),

    renew: (id, holder, termMs) =>
      central.write(
        (session) =>
          session.run('update lease set ends_at = ? where id = ? and holder = ?', Date.now() + termMs, id, holder) > 0,
      ),

    async release(id, holder) {
      await central.write((session) => session.run('delete from lease where id = ? and holder = ?', id, holder));
    },
  };
}

/** Who has the lease of an id, or had it last. */
export function holderOf(session: CentralSession, id: string): string | undefined {
  return session.get<{ holder: string }>('select holder from lease where id = ?', id)?.holder;
}
