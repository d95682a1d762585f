import { refuseLargeObjects } from '../../packages/orm/src/sql/large-objects.ts';
import { codeOf, controlsTransactions, endsTransaction, statementsOf } from '../../packages/orm/src/sql/lexer.ts';
import { qualifiedNames } from '../../packages/orm/src/sql/qualified-names.ts';
import { oneStatement } from '../../packages/orm/src/sql/refusals.ts';
import { rowStatements } from '../../packages/orm/src/sql/row-statements.ts';
import { answer } from './worker.ts';

export type ReadingCalls = typeof calls;

/** What is read of a statement. */
const readings: readonly ((sql: string) => unknown)[] = [
  ...[statementsOf, codeOf, controlsTransactions, endsTransaction, qualifiedNames],
  ...[oneStatement, rowStatements('acme'), refuseLargeObjects('acme')],
];

/** Texts that are long in what a careless reading goes over again and again. */
const shapes: readonly string[] = [
  ...["''", "it''s; commit ", "\\\\'", '"', '""', '/*', '*/', '/* */', '--\n', '--', '$$', '$a$ $b$', '$'],
  ...[
    '(',
    ')',
    ' ',
    '\n',
    ';',
    '; ',
    'a',
    'a.',
    '.',
    '::',
    "E'",
    'U&"',
    'begin atomic ',
    'create function f() ',
    'lo_',
    'set ',
  ],
];

const calls = {
  /**
   * How many times as long a text of 1 MB takes for each of its letters as one of 256 KB, at the worst; 1 is linear. And how long that
   * takes, in milliseconds.
   */
  async measure({ rounds }: { readonly rounds: number }): Promise<{ ratio: number; ms: number; shape: string }> {
    let worst = { ratio: 0, ms: 0, shape: '' };
    for (const shape of shapes) {
      for (const around of ['', "select '", 'select ', 'create function f() returns int language sql ']) {
        const short = timeOf(textOf(around, shape, 2 ** 18), rounds);
        const long = timeOf(textOf(around, shape, 2 ** 20), rounds);
        const ratio = long / 4 / Math.max(short, 0.05);
        if (ratio > worst.ratio) worst = { ratio, ms: long, shape: `${around}${shape}` };
      }
    }
    return worst;
  },
};

function textOf(around: string, shape: string, length: number): string {
  return around + shape.repeat(Math.ceil(length / shape.length));
}

/** The least of some rounds, so that what else the machine does counts for nothing. */
function timeOf(text: string, rounds: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round += 1) {
    const start = performance.now();
    for (const read of readings) {
      try {
        read(text);
      } catch {
        // It was refused, which takes a reading as well.
      }
    }
    least = Math.min(least, performance.now() - start);
  }
  return least;
}

answer(calls);
