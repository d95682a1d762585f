/** What a statement may leave in its session beyond its transaction, and what ends it there. */
interface Trace {
  readonly left: RegExp;
  readonly ended: readonly string[];
}

/** The statements with which each pin begins: temporary tables, cursors and sequences may be left by what no text shows. */
export const freshSession: readonly string[] = ['close all', 'discard temp', 'discard sequences'];

/** The statements that end what these have left: none, almost always. A wrong guess costs some microseconds. */
export const endingsOf = (sql: string): readonly string[] => {
  if (!suspect.test(sql)) return [];
  return traces.filter(({ left }) => left.test(sql) || code.test(sql)).flatMap(({ ended }) => ended);
};

/** A statement begins where the message does, or after a semicolon, a line or a comment. Takes linear time. */
const begins = (words: string): RegExp => new RegExp(String.raw`(?:^\s*|[;\n/][^\S\n]*)(?:${words})\b`, 'i');

/** A block or procedure may do anything. */
const code = begins('do|call');

const traces: readonly Trace[] = [
  {
    left: new RegExp(
      String.raw`${begins('set(?!\\s+(?:local|transaction|constraints)\\b)').source}|\bset_config\s*\(`,
      'i',
    ),
    ended: ['set session authorization default', 'reset all'],
  },
  { left: begins(String.raw`prepare(?!\s+transaction\b)`), ended: ['deallocate all'] },
  { left: begins('listen'), ended: ['unlisten *'] },
  { left: /\bpg_(?:try_)?advisory_lock/i, ended: ['select pg_advisory_unlock_all()'] },
];

const suspect = new RegExp([code, ...traces.map(({ left }) => left)].map(({ source }) => source).join('|'), 'i');
