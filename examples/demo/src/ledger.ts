import type { Answer } from './client.ts';
import type { CompanyData } from './companies.ts';
import type { Door } from './doors.ts';

/** Knows whose each row is, and looks at every answer. */
export interface Ledger {
  /** Notes that a row of that name is now the tenant's. */
  add(tenant: string, name: string): void;
  /** Counts the rows of an answer, and those among them that are not the tenant's that was asked for. */
  judge(door: Door, path: string, answer: Answer, wrote: boolean): void;
  /** Compares what a tenant's tables hold with what they should. */
  judgeStored(tenant: string, names: readonly string[]): void;
  fault(sentence: string): void;
  readonly proof: readonly Proof[];
  /** What went wrong; empty where all is well. */
  readonly faults: readonly string[];
}

/** What the answers to one tenant's requests held, and its tables at the end. */
export interface Proof {
  readonly tenant: string;
  requests: number;
  rowsRead: number;
  rowsWritten: number;
  foreignRows: number;
  rowsStored: number;
}

export function createLedger(companies: readonly CompanyData[]): Ledger {
  const owners = new Map<string, string>();
  const proof: Proof[] = [];
  const faults: string[] = [];

  const ledger: Ledger = {
    proof,
    faults,

    add(tenant, name) {
      if (owners.has(name)) throw new Error(`Two rows are called "${name}", so it could not be told whose it is.`);
      owners.set(name, tenant);
    },

    judge({ foundBy, host, tenant, status }, path, answer, wrote) {
      const request = `${wrote ? 'POST' : 'GET'} ${host}${path} (${foundBy})`;
      const expected = wrote ? 201 : status;
      if (answer.status !== expected) ledger.fault(`${request} was answered with ${answer.status}, not ${expected}.`);
      const rows = namesIn(answer.body);
      const foreign = rows.filter((name) => owners.get(name) !== tenant);
      for (const name of foreign)
        ledger.fault(`${request} was answered with "${name}", of ${owners.get(name) ?? 'nobody'}.`);
      const own = proof.find((line) => line.tenant === tenant);
      if (own && rows.length === 0) ledger.fault(`${request} was answered with no rows.`);
      if (own) count(own, { rows: rows.length, foreign: foreign.length, wrote });
    },

    judgeStored(tenant, names) {
      const expected = [...owners].filter(([, owner]) => owner === tenant).map(([name]) => name);
      const own = proof.find((line) => line.tenant === tenant);
      if (own) own.rowsStored = names.length;
      if (names.toSorted().join('\n') === expected.toSorted().join('\n')) return;
      ledger.fault(`${tenant} holds ${names.length} rows, which are not the ${expected.length} that are its own.`);
    },

    fault(sentence) {
      faults.push(sentence);
    },
  };

  for (const { id, suspended, customers } of companies) {
    if (!suspended) {
      proof.push({ tenant: id, requests: 0, rowsRead: 0, rowsWritten: 0, foreignRows: 0, rowsStored: 0 });
    }
    for (const [customer, projects] of Object.entries(customers)) {
      ledger.add(id, customer);
      for (const [project, { done, open }] of Object.entries(projects)) {
        for (const name of [project, ...done, ...open]) ledger.add(id, name);
      }
    }
  }
  return ledger;
}

function count(proof: Proof, answer: { rows: number; foreign: number; wrote: boolean }): void {
  proof.requests += 1;
  proof.foreignRows += answer.foreign;
  proof[answer.wrote ? 'rowsWritten' : 'rowsRead'] += answer.rows;
}

/** The names and titles in an answer: one for each row that it shows. */
function namesIn(body: unknown): string[] {
  if (Array.isArray(body)) return body.flatMap(namesIn);
  if (typeof body !== 'object' || body === null) return [];
  return Object.entries(body).flatMap(([key, value]) =>
    (key === 'name' || key === 'title') && typeof value === 'string' ? [value] : namesIn(value),
  );
}
