/** What a statement may leave in its session beyond its transaction, and what ends it there. */
interface Trace {
  readonly left: RegExp;
  readonly ended: readonly string[];
}

/** What each transaction begins with: held cursors and the last values of sequences are come upon by asking for them. */
export const freshSession: readonly string[] = ['close all', 'discard temp', 'discard sequences'];

/** What asks for cursors and last values. */
export const asksSession = /\b(?:fetch|move|lastval|currval|pg_cursors|where\s+current\s+of)\b/i;

/** The statements that end what this one may leave. A wrong guess costs some microseconds. */
export function endingsOf(sql: string): readonly string[] {
  const endings = suspect.test(sql)
    ? traces.filter(({ left }) => left.test(sql) || code.test(sql)).flatMap(({ ended }) => ended)
    : [];
  return leavesNoTable(sql) ? endings : [...endings, 'discard temp'];
}

/**
 * Whether a statement cannot leave a temporary table: it reads, and calls nothing but what is built in. What writes may set
 * off a trigger, and a function may do anything.
 */
export function leavesNoTable(sql: string): boolean {
  if (control.test(sql)) return true;
  if (!read.test(sql) || sql.includes(';')) return false;
  const call = new RegExp(calls);
  for (let found = call.exec(sql); found; found = call.exec(sql)) {
    if (!builtIn.has((found[1] as string).toLowerCase())) return false;
  }
  return true;
}

const control =
  /^\s*(?:begin|start|commit|rollback|savepoint|release|set\s+(?:local|transaction|constraints))\b[^;]*;?\s*$/i;
const read = /^\s*select\b(?![\s\S]*\binto\b)/i;
const calls = /(\w+|")\s*\(/g;
const builtIn: ReadonlySet<string> = new Set(
  (
    'all and any array as avg between by cast coalesce count distinct else exists extract filter from in is join json_agg ' +
    'json_build_object jsonb_agg jsonb_build_object lateral length like lower max min not now nullif on or over ' +
    'row_number select string_agg sum then to_char upper using values when where'
  ).split(' '),
);

/** A statement begins where the message does, or after a semicolon, a line or a comment. Takes linear time. */
function begins(words: string): RegExp {
  return new RegExp(String.raw`(?:^\s*|[;\n\r/][^\S\n\r]*)(?:${words})\b`, 'i');
}

/** A block or procedure may do anything, and a name in escapes may be any function's. */
const code = new RegExp(String.raw`${begins('do|call').source}|\bu&"`, 'i');

const traces: readonly Trace[] = [
  {
    left: new RegExp(
      String.raw`${begins('set(?!\\s+(?:local|transaction|constraints)\\b)').source}|\bset_config\b`,
      'i',
    ),
    ended: ['set session authorization default', 'reset all'],
  },
  { left: begins(String.raw`prepare(?!\s+transaction\b)`), ended: ['deallocate all'] },
  { left: begins('listen'), ended: ['unlisten *'] },
  { left: /\bpg_(?:try_)?advisory_lock/i, ended: ['select pg_advisory_unlock_all()'] },
];

/** What may leave anything. */
export const suspect = new RegExp([code, ...traces.map(({ left }) => left)].map(({ source }) => source).join('|'), 'i');
