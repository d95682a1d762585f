import { quoteName } from '../sql/quote.ts';
import type { ArchiveSession } from './archive-session.ts';
import { type CopiedRows, copyIn, qualified } from './copy.ts';
import { foreignKeyOrder } from './foreign-key-order.ts';
import { isIn, type TenantTable, type TenantTables } from './tenant-tables.ts';

/** Fills tables in an order that foreign keys allow, without rights that only a superuser has. */
export interface TableLoader {
  /** Silences the tables' triggers, which fired when the rows were first written, and empties the tables of what migrations have inserted. */
  begin(): Promise<void>;
  load(table: TenantTable, bytes: AsyncIterable<Uint8Array>): Promise<CopiedRows>;
  /** Checks deferred constraints, and enables the triggers. */
  end(): Promise<void>;
}

/**
 * Tables that refer to each other in a circle are first filled aside, and then by one statement, after which PostgreSQL looks at
 * their foreign keys. Shared tables are left as they are, because others are at work in them: triggers fire there. COPY is not for whom
 * row-level security binds, and whatever a trigger does has to be bound, so all of them are filled aside.
 */
export function tableLoader(session: ArchiveSession, { tables }: TenantTables): TableLoader {
  const groups = foreignKeyOrder(new Map([...tables].map(([name, { references }]) => [name, references])));
  const circles = groups.filter(({ length }) => session.isShared || length > 1);
  const aside = new Map<string, TenantTable>();
  const triggers = triggersOf(session, [...tables.values()]);
  const constraints = unvalidatedOf(session);

  async function loadAside(table: TenantTable, bytes: AsyncIterable<Uint8Array>): Promise<CopiedRows> {
    const into = asideName(aside.size);
    const names = namesOf(table);
    await session.query(
      `create temp table ${into} on commit drop as select ${names.map(quoteName).join(', ')} from ${qualified(session, table.name)} with no data`,
    );
    const copied = await copyIn(session, table, `pg_temp.${into}`, bytes);
    aside.set(table.name, table);
    const circle = circles.find((one) => one.includes(table.name)) ?? [];
    if (circle.every((name) => aside.has(name))) await moveIn(circle);
    return copied;
  }

  async function moveIn(circle: readonly string[]): Promise<void> {
    const insertions = circle.map((name, n) => {
      const list = namesOf(aside.get(name) as TenantTable)
        .map(quoteName)
        .join(', ');
      const from = asideName([...aside.keys()].indexOf(name));
      const into = `${qualified(session, name)} ${list && `(${list}) overriding system value`}`;
      return `i${n} as (insert into ${into} select ${list} from pg_temp.${from})`;
    });
    await session.query(`with ${insertions.join(', ')} select`);
  }

  return {
    async begin() {
      await session.bindToRows();
      await session.query('set constraints all deferred');
      if (session.isShared || tables.size === 0) return;
      await triggers.disable();
      await constraints.drop();
      await session.query(`truncate ${[...tables.keys()].map((name) => qualified(session, name)).join(', ')}`);
    },
    load: (table, bytes) =>
      circles.some((circle) => circle.includes(table.name))
        ? loadAside(table, bytes)
        : copyIn(session, table, qualified(session, table.name), bytes),
    async end() {
      await session.query('set constraints all immediate');
      await constraints.restore();
      await triggers.enable();
    },
  };
}

/** The constraints that are `not valid`: rows that were there before them need not keep to them, here as where they come from. */
function unvalidatedOf(session: ArchiveSession): { drop(): Promise<void>; restore(): Promise<void> } {
  let restoring: readonly string[] = [];
  return {
    async drop() {
      const found =
        await session.query(`select relname as table, conname as name, pg_get_constraintdef(k.oid) as definition
        from pg_constraint k join pg_class c on c.oid = conrelid where ${isIn(session.schema)} and not convalidated and conparentid = 0 and coninhcount = 0 order by k.oid`);
      const named = found.map(({ table, name, definition }) => ({
        table: `alter table ${qualified(session, String(table))}`,
        name: quoteName(String(name)),
        definition,
      }));
      restoring = named.map(({ table, name, definition }) => `${table} add constraint ${name} ${definition}`);
      for (const { table, name } of named) await session.query(`${table} drop constraint ${name}`);
    },
    async restore() {
      for (const sql of restoring) await session.query(sql);
    },
  };
}

/** The triggers of tables, which are silenced while rows are written that were written before. In shared tables they fire. */
export function triggersOf(
  session: ArchiveSession,
  tables: readonly TenantTable[],
): { disable(): Promise<void>; enable(): Promise<void> } {
  async function set(sqlOf: (trigger: TenantTable['triggers'][number]) => string): Promise<void> {
    for (const { triggers } of session.isShared ? [] : tables) {
      for (const trigger of triggers) {
        await session.query(
          `alter table ${qualified(session, trigger.on)} ${sqlOf(trigger)} trigger ${quoteName(trigger.name)}`,
        );
      }
    }
  }
  return {
    disable: () => set(() => 'disable'),
    enable: () => set(({ always }) => (always ? 'enable always' : 'enable')),
  };
}

function namesOf({ columns }: TenantTable): readonly string[] {
  return columns.map(({ name }) => name);
}

function asideName(index: number): string {
  return `omnitenant_aside_${index}`;
}
