import Table from 'cli-table3';
import { stringify } from 'csv-stringify/sync';
import { paint, plain, print, type Style } from './output.ts';
import { printPaged } from './pager.ts';

/** One column of a list. */
export interface Column<Row> {
  readonly name: string;
  value(row: Row): string | number | undefined;
  style?(row: Row): Style | undefined;
}

/** The output format of a list; default: a table. */
export interface Format {
  readonly json?: true | undefined;
  readonly csv?: true | undefined;
}

/** Prints rows as a table, as CSV, or as JSON, for which `json` converts each row. */
export async function printRows<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  format: Format,
  json: (row: Row) => unknown = (row) => row,
): Promise<void> {
  if (format.json) printJson(rows.map(json));
  else if (format.csv) printCsv(rows, columns);
  else await printPaged(tableOf(rows, columns));
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

function printCsv<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): void {
  const header = columns.map(({ name }) => name);
  const records = rows.map((row) => columns.map(({ value }) => value(row)));
  // A name chosen by a customer must not become a formula in a spreadsheet.
  process.stdout.write(stringify([header, ...records], { escape_formulas: true }));
}

function tableOf<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  const table = new Table({ chars: noBorders, style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 } });
  table.push(columns.map(({ name }) => paint('dim', name)));
  for (const row of rows) table.push(columns.map((column) => cell(row, column)));
  return table.toString().replaceAll(/[ ]+$/gm, '');
}

function cell<Row>(row: Row, { value, style }: Column<Row>): string {
  const text = plain(String(value(row) ?? '-'));
  const styled = style?.(row);
  return styled === undefined ? text : paint(styled, text);
}

const noBorders = Object.fromEntries(
  ['top', 'bottom', 'left', 'right', 'mid'].flatMap((side) =>
    ['', '-mid', '-left', '-right'].map((part) => [`${side}${part}`, '']),
  ),
) as Partial<Record<Table.CharName, string>>;
noBorders.middle = '';

/** Prints the fields of one object, one per line, without the empty ones. */
export function printFields(
  fields: Readonly<Record<string, unknown>>,
  styles: Readonly<Record<string, Style>> = {},
): void {
  const filled = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null && value !== '');
  const width = Math.max(...filled.map(([name]) => name.length));
  for (const [name, value] of filled) {
    const text = plain(shown(value));
    const style = styles[name];
    print(`${paint('dim', name.padEnd(width))}  ${style === undefined ? text : paint(style, text)}`);
  }
}

function shown(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'string' ? value : JSON.stringify(value);
}
