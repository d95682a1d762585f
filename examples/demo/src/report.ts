import { styleText } from 'node:util';
import type { Proof } from './ledger.ts';
import type { Refusal, Tour, Visit } from './tour.ts';

type Style = Parameters<typeof styleText>[0];
type Cell = string | { readonly text: string; readonly style?: Style; readonly right?: boolean };

/** Colours where the output is a terminal and NO_COLOR does not say otherwise. */
const paint = (style: Style, text: string): string => styleText(style, text, { stream: process.stdout });

/** Prints what happens as it happens, for a person to read. */
export interface Report {
  heading(text: string, remark?: string): void;
  /** Says what is being done until it is done, and then how long it took. */
  step<R>(doing: string, act: () => Promise<R>, done: (result: R) => string): Promise<R>;
  tour(tour: Tour): void;
  lines(...lines: readonly string[]): void;
}

export function createReport(print: (text: string) => void = (text) => process.stdout.write(text)): Report {
  const line = (text = '') => print(text === '' ? '\n' : `  ${text}\n`);
  const table = (rows: readonly (readonly Cell[])[]) => {
    for (const row of aligned(rows)) line(row);
  };

  const report: Report = {
    heading(text, remark) {
      line();
      line(paint('bold', text) + (remark ? paint('dim', `   ${remark}`) : ''));
      line();
    },

    async step(doing, act, done) {
      if (process.stdout.isTTY) print(`  ${paint('dim', `· ${doing} …`)}`);
      const started = performance.now();
      try {
        const result = await act();
        const seconds = ((performance.now() - started) / 1000).toFixed(1);
        if (process.stdout.isTTY) print('\r\x1b[2K');
        line(`${paint('green', '✔')} ${done(result).padEnd(78)} ${paint('dim', `${seconds} s`)}`);
        return result;
      } catch (error) {
        if (process.stdout.isTTY) print('\r\x1b[2K');
        line(`${paint('red', '✘')} ${doing}`);
        throw error;
      }
    },

    tour({ visits, crowd, refusals, proof, faults }) {
      report.heading('Who asks, and what is answered', 'GET /projects/1 of each company, GET / elsewhere');
      table([header('HOST', 'FOUND BY', 'STATUS', 'ANSWER'), ...visits.map(visitRow)]);

      report.heading(
        `${crowd.requests} requests at once`,
        `up to ${crowd.scopesAtOnce} scopes open together, ${crowd.milliseconds} ms in all`,
      );
      table([proofHeader, ...proof.map(proofRow)]);

      report.heading('Mistakes that would leak elsewhere');
      table(refusals.map(refusalRow));

      line();
      for (const fault of faults) line(`${paint('red', '✘')} ${fault}`);
      line(verdict(proof, faults));
      line();
    },

    lines(...lines) {
      for (const text of lines) line(text);
    },
  };
  return report;
}

function visitRow({ door, status, body }: Visit): Cell[] {
  const headers = Object.entries(door.headers ?? {}).map(([name, value]) => `, ${name}: ${value}`);
  const style = status < 300 ? 'green' : 'yellow';
  return [door.host + headers.join(''), door.foundBy, { text: String(status), style }, inShort(body)];
}

function inShort(body: unknown): string {
  if (typeof body !== 'object' || body === null) return String(body);
  const { error, name, customer, companies } = body as {
    error?: { code: string; message: string };
    name?: string;
    customer?: { name: string };
    companies?: unknown[];
  };
  if (error) return `${error.message} (${error.code})`.replace('. (', ' (');
  if (companies) return `${companies.length} companies, read in central`;
  return customer ? `${name}, for ${customer.name}` : (name ?? '');
}

const proofHeader = header('TENANT', '>REQUESTS', '>ROWS READ', '>WRITTEN', '>IN ITS TABLES', '>FOREIGN ROWS');

function proofRow({ tenant, requests, rowsRead, rowsWritten, rowsStored, foreignRows }: Proof): Cell[] {
  const numbers = [requests, rowsRead, rowsWritten, rowsStored].map((n) => ({ text: String(n), right: true }));
  const style = foreignRows === 0 ? 'green' : 'red';
  return [tenant, ...numbers, { text: String(foreignRows), right: true, style }];
}

function refusalRow({ attempt, code }: Refusal): Cell[] {
  return [attempt, code === 'none' ? { text: 'was not refused', style: 'red' } : { text: code, style: 'green' }];
}

function verdict(proof: readonly Proof[], faults: readonly string[]): string {
  const sum = (of: (line: Proof) => number) => proof.reduce((total, entry) => total + of(entry), 0);
  const rows = sum(({ rowsRead, rowsWritten }) => rowsRead + rowsWritten);
  const foreign = sum(({ foreignRows }) => foreignRows);
  if (faults.length > 0) return paint('red', `✘ ${rows} rows looked at, ${foreign} of them foreign.`);
  return paint('green', `✔ ${rows} rows looked at, each its own tenant’s; ${foreign} foreign.`);
}

function header(...titles: string[]): Cell[] {
  return titles.map((title) => ({ text: title.replace('>', ''), right: title.startsWith('>'), style: 'dim' }));
}

function aligned(rows: readonly (readonly Cell[])[]): string[] {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === 'string' ? { text: cell } : cell)));
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => row[column]?.text.length ?? 0)));
  return cells.map((row) =>
    row
      .map(({ text, right = false, style }: Exclude<Cell, string>, column) => {
        const width = widths[column] ?? 0;
        const isLast = column === row.length - 1;
        const padded = right ? text.padStart(width) : text.padEnd(width);
        const shown = isLast ? padded.trimEnd() : padded;
        return style ? paint(style, shown) : shown;
      })
      .join('   '),
  );
}
