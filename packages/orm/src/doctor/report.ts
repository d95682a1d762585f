import type { DoctorReport } from './doctor.ts';

/** A report as lines to read: `ok`, `note` for what one should know, `FAIL` for what must not stay so. */
export function formatDoctorReport(report: DoctorReport): string {
  return lines(report).join('\n');
}

function lines({ database, pooler, pin, sessionState, server, role }: DoctorReport): string[] {
  return [
    `Database '${database}', PostgreSQL ${server.version}, as the role '${role.name}'`,
    line('ok', poolers[pooler.kind](pooler)),
    pin.holds
      ? line('ok', `Tenants stay apart: ${pin.statements} interleaved statements each ran in their own`)
      : line('FAIL', 'Tenants do not stay apart here: statements ran in another tenant than their own, or not at all'),
    ...(sessionState === 'kept' ? [] : [line('note', states[sessionState])]),
    line(
      server.connectionsLeft > 10 ? 'ok' : 'note',
      `${server.connectionsLeft} of ${server.maxConnections} connections are left on the server`,
    ),
    ...(server.readOnly ? [line('note', 'The server is a standby: it takes no writes')] : []),
    role.mayCreateSchemas
      ? line('ok', "Isolation 'schema': the role may create schemas")
      : line('note', `Isolation 'schema' needs: grant create on database ${database} to ${role.name}`),
    role.mayCreateDatabases
      ? line('ok', "Isolation 'database': the role may create databases")
      : line('note', `Isolation 'database' needs: alter role ${role.name} createdb`),
    role.bypassesRowSecurity
      ? line(
          'note',
          `Isolation 'row': only the pin binds this login, ${bypass(role.superuser)}; connect as one that is not`,
        )
      : line('ok', "Isolation 'row': without a pin, the role reads no shared table"),
    role.mayCreateRoles
      ? line('ok', "A role for each tenant, and isolation 'row': the role may create roles")
      : line('note', `A role for each tenant needs: alter role ${role.name} createrole`),
  ];
}

function line(mark: 'ok' | 'note' | 'FAIL', text: string): string {
  return `${mark.padEnd(5)} ${text}.`;
}

function bypass(superuser: boolean): string {
  return superuser ? 'a superuser' : 'one that bypasses row-level security';
}

const poolers: Readonly<Record<DoctorReport['pooler']['kind'], (pooler: DoctorReport['pooler']) => string>> = {
  none: () => 'No pooler is in between',
  session: ({ product = 'A pooler' }) => `${product} is in between, and keeps a connection for each session`,
  transaction: ({ product = 'A pooler', clients, serverConnections }) =>
    `${product} is in between, and lends connections by transaction: ${clients} clients were on ${serverConnections}`,
  statement: ({ product = 'A pooler' }) => `${product} is in between, and lends connections by statement`,
};

const states = {
  leaks:
    'What other code sets for its session (SET, LISTEN, advisory locks, temporary tables) reaches other clients here',
  lost: 'What other code sets for its session (SET, LISTEN, advisory locks, temporary tables) is lost here',
} as const;
