import { TenancyError, type Tenant } from '@omnitenant/core';
import type { TableColumn, TenantTable } from '../tenant-tables.ts';
import { type ColumnName, type ColumnRules, idOf, labelOf, named } from './anonymisation.ts';
import { mayRepeat } from './replace.ts';
import type { Rule } from './rules.ts';

/** What becomes of the columns of a table, in their order. */
export interface TablePlan {
  readonly table: string;
  readonly key: string;
  readonly columns: readonly PlannedColumn[];
  /** Whether the order of the rows is replaced, too: that of a key would tell something of its former values. */
  readonly isShuffled: boolean;
}

export interface PlannedColumn {
  readonly name: string;
  readonly rule: Rule;
  readonly type: string;
  readonly notNull: boolean;
  readonly maxLength: number | undefined;
  /** Whether values that differ in case are the same. */
  readonly foldsCase: boolean;
}

/**
 * Finds the rule of every column that a tenant has, whatever entities say.
 *
 * @throws ARCHIVE_REFUSED where there is none, or where one cannot work.
 */
export function planTables(
  rules: ColumnRules,
  tables: ReadonlyMap<string, TenantTable>,
  tenant: Tenant,
): ReadonlyMap<string, TablePlan> {
  const faults: string[] = [];
  const missing: string[] = [];
  const targets = targetsIn(rules, tables);

  /** The rule of a column, which is that of the column it refers to where it is kept. */
  function effective(at: ColumnName, before: readonly string[] = []): Rule | undefined {
    const rule = rules.ruleOf(at);
    if (rule === undefined || rule === 'null' || before.includes(idOf(at))) return rule;
    const followed = new Set(
      targets(at)
        .map((target) => effective(target, [...before, idOf(at)]))
        .filter((of) => of !== undefined && of !== 'null'),
    );
    const [first, ...others] = followed;
    if (first === undefined || (others.length === 0 && first === rule)) return rule;
    if (others.length > 0) faults.push(`${labelOf(at)} refers to columns with different rules`);
    else if (rule !== 'keep')
      faults.push(`${labelOf(at)} is a foreign key: its rule is 'keep', 'null' or that of what it refers to`);
    return first;
  }

  function plan({ name: table, columns, key }: TenantTable): TablePlan {
    const planned = columns.map((column): PlannedColumn => {
      const at = { table, column: column.name };
      const rule = effective(at);
      if (rule === undefined) missing.push(labelOf(at));
      else faults.push(...faultsOf(rule, column, labelOf(at)));
      const { name, type, notNull, foldsCase } = column;
      return { name, type, rule: rule ?? 'null', notNull, foldsCase, maxLength: maxLengthOf(column) };
    });
    const isReplaced = ({ name, rule }: PlannedColumn) => rule !== 'keep' && (key.length === 0 || key.includes(name));
    return { table, key: rules.key, columns: planned, isShuffled: planned.some(isReplaced) };
  }

  const plans = new Map([...tables].map(([name, table]) => [name, plan(table)]));
  if (missing.length > 0) faults.unshift(`there is no rule for ${named(missing)}`);
  if (faults.length === 0) return plans;
  const message = `Tenant "${tenant.id}" cannot be anonymised, and none of its rows was read: ${named([...new Set(faults)])}.`;
  throw new TenancyError('ARCHIVE_REFUSED', message, { tenant: tenant.id });
}

function targetsIn(
  rules: ColumnRules,
  tables: ReadonlyMap<string, TenantTable>,
): (column: ColumnName) => readonly ColumnName[] {
  return (at) => [
    ...rules.targetsOf(at),
    ...(tables.get(at.table)?.foreignKeys ?? [])
      .filter(({ column }) => column === at.column)
      .map(({ references, target }) => ({ table: references, column: target })),
  ];
}

function faultsOf(rule: Rule, { notNull, isUnique }: TableColumn, label: string): readonly string[] {
  if (rule === 'null' && notNull) return [`${label} cannot be null`];
  if (isUnique && typeof rule === 'function' && mayRepeat(rule)) {
    return [`${label} is in a unique index, and its rule may give two values the same`];
  }
  return [];
}

function maxLengthOf({ type }: TableColumn): number | undefined {
  const [, length] = /^character(?: varying)?\((\d+)\)$/.exec(type) ?? [];
  return length === undefined ? undefined : Number(length);
}

/**
 * The columns that have the same text once they are stored, if others or the order of the rows do not: what a rule writes for a date or as
 * JSON may be written in another way.
 */
export function comparedColumns({ columns, isShuffled }: TablePlan): readonly string[] | undefined {
  const same = columns.filter(({ rule, type }) => typeof rule !== 'function' || sameText.test(type));
  return isShuffled || same.length < columns.length ? same.map(({ name }) => name) : undefined;
}

const sameText = /^(text|character varying(\(\d+\))?|(\w+\.)?citext)$/;

/** Whether a column's values leave the database as they are. */
export function isKept(plan: TablePlan | undefined, column: string): boolean {
  return plan === undefined || plan.columns.some(({ name, rule }) => name === column && rule === 'keep');
}
