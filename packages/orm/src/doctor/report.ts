import { type Isolation, isolations } from '../placement/placement.ts';
import type { DoctorReport } from './doctor.ts';
import type { ServerExamination } from './examine-servers.ts';

/** Formats a report as lines of text: `ok`, `note` for what an operator should know, `FAIL` for what needs fixing. */
export function formatDoctorReport(report: DoctorReport): string {
  const { database, server, role } = report;
  const title = `Database "${database}", PostgreSQL ${server.version}, as role "${role.name}"`;
  return [title, ...findings(report, isolations).map(({ mark, text }) => line(mark, text))].join('\n');
}

/** Formats what was found out about one of several servers: each line names the server. */
export function formatServerExamination({ server, tenant, report, fault, isolations }: ServerExamination): string {
  const name = tenant === undefined ? `Server "${server}"` : `The own server of tenant "${tenant}"`;
  if (report === undefined) return line('FAIL', `${name}: ${withoutStop(fault ?? 'It could not be examined')}`);
  const { database, server: facts, role } = report;
  return [
    line('ok', `${name}: database "${database}", PostgreSQL ${facts.version}, as role "${role.name}"`),
    ...findings(report, isolations).map(({ mark, text }) => line(mark, `${name}: ${text}`)),
  ].join('\n');
}

function withoutStop(sentence: string): string {
  return sentence.replace(/\.$/, '');
}

interface Finding {
  readonly mark: 'ok' | 'note' | 'FAIL';
  readonly text: string;
}

function findings(report: DoctorReport, of: readonly Isolation[]): Finding[] {
  return [...aboutServer(report), ...aboutRole(report).filter(({ isolation }) => of.includes(isolation))];
}

function aboutServer({ pooler, pin, sessionState, server }: DoctorReport): Finding[] {
  const left = `${server.connectionsLeft} of the server's ${server.maxConnections} connections are free`;
  return [
    { mark: 'ok', text: poolers[pooler.kind](pooler) },
    pin.holds
      ? {
          mark: 'ok',
          text: `Tenant isolation holds: ${pin.statements} interleaved statements each ran in their own tenant`,
        }
      : { mark: 'FAIL', text: 'Tenant isolation fails: some statements ran in the wrong tenant, or did not run' },
    ...(sessionState === 'kept' ? [] : [{ mark: 'note', text: states[sessionState] } as const]),
    { mark: server.connectionsLeft > 10 ? 'ok' : 'note', text: left },
    ...(server.readOnly ? [{ mark: 'note', text: 'The server is a read-only standby' } as const] : []),
    server.walLevel === 'logical'
      ? { mark: 'ok', text: 'Tenants can be written to while they are moved: wal_level is logical' }
      : {
          mark: 'note',
          text: `Moves refuse writes while they copy: wal_level is ${server.walLevel}, and would have to be logical`,
        },
  ];
}

/** What the role may do, with the isolation that needs it. */
function aboutRole({ database, role }: DoctorReport): (Finding & { readonly isolation: Isolation })[] {
  return [
    role.mayCreateSchemas
      ? { isolation: 'schema', mark: 'ok', text: 'Isolation "schema": the role may create schemas' }
      : {
          isolation: 'schema',
          mark: 'note',
          text: `Isolation "schema" needs: grant create on database ${database} to ${role.name}`,
        },
    role.mayCreateDatabases
      ? { isolation: 'database', mark: 'ok', text: 'Isolation "database": the role may create databases' }
      : { isolation: 'database', mark: 'note', text: `Isolation "database" needs: alter role ${role.name} createdb` },
    role.bypassesRowSecurity
      ? {
          isolation: 'row',
          mark: 'note',
          text: `Isolation "row": this login ${bypass(role.superuser)}, so only the pin restricts it; use an ordinary login`,
        }
      : { isolation: 'row', mark: 'ok', text: 'Isolation "row": without a pin, the role cannot read shared tables' },
    role.mayCreateRoles
      ? {
          isolation: 'row',
          mark: 'ok',
          text: 'Isolation "row", and a role for each tenant: the role may create roles',
        }
      : {
          isolation: 'row',
          mark: 'note',
          text: `Isolation "row", and a role for each tenant, need: alter role ${role.name} createrole`,
        },
  ];
}

function line(mark: Finding['mark'], text: string): string {
  return `${mark.padEnd(5)} ${text}.`;
}

function bypass(superuser: boolean): string {
  return superuser ? 'is a superuser' : 'bypasses row-level security';
}

const poolers: Readonly<Record<DoctorReport['pooler']['kind'], (pooler: DoctorReport['pooler']) => string>> = {
  none: () => 'Direct connection: no pooler',
  session: ({ product = 'A pooler' }) => `${product} is used, in session mode: each client keeps its server connection`,
  transaction: ({ product = 'A pooler', clients, serverConnections }) =>
    `${product} is used, in transaction mode: ${clients} clients shared ${serverConnections} server connections`,
  statement: ({ product = 'A pooler' }) => `${product} is used, in statement mode`,
};

const states = {
  leaks: 'Session state that other code leaves (SET, LISTEN, advisory locks, temporary tables) reaches other clients',
  lost: 'Session state that other code leaves (SET, LISTEN, advisory locks, temporary tables) is lost',
} as const;
