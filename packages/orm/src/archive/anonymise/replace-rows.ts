import { createHmac } from 'node:crypto';
import { TenancyError } from '@omnitenant/core';
import { parseValue, rowLines, writtenValue } from '../../sql/copy-text.ts';
import { labelOf } from './anonymisation.ts';
import type { PlannedColumn, TablePlan } from './plan-tables.ts';

/** Rows as COPY writes them, with their values replaced. One row is in memory at a time, besides what has arrived with it. */
export async function* replaceRows(bytes: AsyncIterable<Uint8Array>, plan: TablePlan): AsyncGenerator<Uint8Array> {
  const { columns } = plan;
  const isUnchanged = columns.every(({ rule }) => rule === 'keep');
  if (isUnchanged) {
    yield* bytes;
    return;
  }
  for await (const lines of rowLines(bytes)) {
    const rows = lines.map((line) => {
      const fields = line.split('\t');
      return columns.map((column, index) => replaced(fields[index] ?? '', column, plan)).join('\t');
    });
    yield Buffer.from(`${rows.join('\n')}\n`);
  }
}

/** What the order of a table's rows depends on instead of its key; `undefined` where the key is kept. */
export function shuffleOf({ table, key, isShuffled }: TablePlan): string | undefined {
  return isShuffled ? createHmac('sha256', key).update(`order of ${table}`).digest('hex') : undefined;
}

/** Null stays null, and rules do not see it. */
function replaced(field: string, column: PlannedColumn, plan: TablePlan): string {
  if (column.rule === 'keep' || field === nothing) return field;
  if (column.rule === 'null') return nothing;
  const value = parseValue(field);
  const given = call(value, column, plan);
  if (given === null && !column.notNull) return nothing;
  if (typeof given !== 'string')
    throw refused(column, plan, given === null ? 'has given null, which it cannot be' : 'has given no text');
  if (given.includes('\0')) throw refused(column, plan, 'has given a character that PostgreSQL cannot store');
  if (column.maxLength !== undefined && [...given].length > column.maxLength) {
    throw refused(column, plan, `has given more than the ${column.maxLength} characters that it takes`);
  }
  return writtenValue(given);
}

function call(value: string, column: PlannedColumn, plan: TablePlan): unknown {
  const { rule, name, foldsCase } = column;
  if (typeof rule !== 'function') return value;
  let token: string | undefined;
  // The table is no part of it, so that what is equal in two tables stays equal.
  const tokenOf = () =>
    (token ??= createHmac('sha256', plan.key)
      .update(foldsCase ? value.toLowerCase() : value)
      .digest('hex')
      .slice(0, 32));
  const context = {
    table: plan.table,
    column: name,
    get token() {
      return tokenOf();
    },
    get seed() {
      return Number.parseInt(tokenOf().slice(0, 8), 16);
    },
  };
  try {
    return rule(value, context);
  } catch (error) {
    // Its message, and what it was caused by, may hold the value.
    throw refused(column, plan, `has thrown ${error instanceof Error ? error.name : 'something'}`);
  }
}

function refused({ name }: PlannedColumn, { table }: TablePlan, why: string): TenancyError {
  const message = `The archive is not complete: the rule of ${labelOf({ table, column: name })} ${why}. Values are not shown here.`;
  return new TenancyError('ARCHIVE_REFUSED', message);
}

const nothing = '\\N';
