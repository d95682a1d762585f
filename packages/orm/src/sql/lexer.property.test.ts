import fc from 'fast-check';
import { loadModule, parseSync } from 'libpg-query';
import { beforeAll, expect, test } from 'vitest';
import { commandOf, controlsTransactions, endsTransaction, statementsOf } from './lexer.ts';

/** How many messages are tried, such as `OMNITENANT_PROPERTY_RUNS=1000000`, and from which seed. */
const { OMNITENANT_PROPERTY_RUNS: runs = '2000', OMNITENANT_PROPERTY_SEED: fixedSeed } = process.env;
const seed = fixedSeed === undefined ? Math.trunc(Math.random() * 2 ** 31) : Number(fixedSeed);

// PostgreSQL's own parser says what is right.
beforeAll(() => loadModule());

const space = fc.constantFrom(' ', '\n', '\t\r\n', '/**/', "/* ; /* commit */ ' */", "-- ; '\n", '--$$\r', ' /*"*/ ');
const value = fc.constantFrom(
  '1',
  "'; commit'",
  "'it''s'",
  String.raw`E'\'; commit; --'`,
  String.raw`'\'`,
  String.raw`e'\\'`,
  "E'a'\n'\\''",
  "E'a' -- '\n';'",
  '$$; rollback $$',
  "$a$ $$ ' ; $b$ $A$ $a$",
  '$é$ " $é$',
  "U&'\\0041;'",
  "b'1'",
  "x'1f'",
  "n'a;'",
);
const name = fc.constantFrom(
  'a',
  '"a;b"',
  '"commit"',
  '"begin atomic"',
  'é$$',
  'a$1',
  '"it\'s"',
  '"a""; b"',
  'U&"a;b"',
);
const statement = fc
  .tuple(
    fc.constantFrom(
      'select_V_as_N',
      'select_V,_V',
      'select_N_from_N_where_N=_V',
      'insert into_N_values_(V,V)',
      'update_N_set_N=_V',
      'begin',
      'start_transaction',
      'commit',
      'commit_and_chain',
      'end',
      'rollback',
      'rollback_and_no_chain',
      'commit_work_and_chain',
      "commit_prepared_'x'",
      'rollback_to_N',
      'savepoint_N',
      "prepare_transaction_'x;'",
      'prepare_N_as_select 1',
      'abort',
      'set_local_search_path_to_N',
      'do_$$ begin commit; end $$',
      'create function_N()_returns_int_begin_atomic_select_V;_select_V;_end',
      'create or replace procedure_N()_begin_atomic_end',
      "create function_N()_returns_int_language_sql_as_'select 1; commit'",
      'create_table_N_(N_int_default_V)',
      'select_case_when_true_then_V_end',
      'select_N.end_from_N',
      '_',
      '',
    ),
    fc.array(space, { minLength: 12, maxLength: 12 }),
    fc.array(value, { minLength: 3, maxLength: 3 }),
    fc.array(name, { minLength: 4, maxLength: 4 }),
  )
  .map(([template, spaces, values, names]) =>
    template
      .replace(/_/g, () => spaces.pop() ?? ' ')
      .replace(/\bV\b/g, () => values.pop() ?? '1')
      .replace(/\bN\b/g, () => names.pop() ?? 'a'),
  );
/** A few statements, and then a change of one character, which makes many of them wrong and some of them odd. */
const message = fc
  .tuple(
    fc.array(statement, { minLength: 1, maxLength: 4 }),
    fc.nat(),
    fc.constantFrom('', '', "'", '"', '$', '$$', ';', '/*', '*/', '--', '\n', '\\', 'E', 'é', ' end'),
  )
  .map(([statements, at, extra]) => {
    const text = statements.join(';');
    const index = at % (text.length + 1);
    return text.slice(0, index) + extra + text.slice(index);
  });

test('where PostgreSQL divides a message, and what it takes for control of a transaction, is seen the same way', {
  timeout: 86_400_000,
}, () => {
  let valid = 0;
  fc.assert(
    fc.property(message, (sql) => {
      const tree = treeOf(sql);
      if (!tree) return;
      valid += 1;
      const statements = statementsOf(sql);
      expect(statements.map(kindOf)).toEqual(tree.map((stmt) => Object.keys(stmt)[0]));
      if (tree.some(controls)) expect(controlsTransactions(sql)).toBe(true);
      for (const [index, stmt] of tree.entries()) {
        expect(endsTransaction(statements[index] ?? '')).toBe(ends(stmt));
        if (controls(stmt)) expect(controlsTransactions(statements[index] ?? '')).toBe(true);
        else if (stmt.TransactionStmt === undefined)
          expect(transactional).not.toContain(commandOf(statements[index] ?? ''));
      }
    }),
    { seed, numRuns: Number(runs) },
  );
  // A test of nothing would pass as well.
  expect(valid).toBeGreaterThan(Number(runs) / 10);
});

const transactional = ['BEGIN', 'START', 'COMMIT', 'END', 'ROLLBACK', 'ABORT'];

type Statement = Readonly<Record<string, { readonly kind?: string; readonly chain?: boolean } | undefined>>;

/** The statements by PostgreSQL's parser; `undefined` for what it does not accept. */
function treeOf(sql: string): readonly Statement[] | undefined {
  try {
    const { stmts = [] } = parseSync(sql) as { stmts?: readonly { stmt: Statement }[] };
    return stmts.map(({ stmt }) => stmt);
  } catch {
    return undefined;
  }
}

function kindOf(statement: string): string | undefined {
  return Object.keys(treeOf(statement)?.[0] ?? {})[0];
}

function controls({ TransactionStmt: control }: Statement): boolean {
  return control !== undefined && !/_(?:SAVEPOINT|RELEASE|ROLLBACK_TO)$/.test(control.kind ?? '');
}

/** Whether it ends a transaction and begins no other. */
function ends({ TransactionStmt: control }: Statement): boolean {
  return /_(?:COMMIT|ROLLBACK|PREPARE)$/.test(control?.kind ?? '') && !control?.chain;
}
