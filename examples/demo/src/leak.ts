import type { Tracker } from './tenancy.ts';

/** A try to read what is not the company's, and what became of it. */
export interface LeakAttempt {
  readonly aim: string;
  readonly sql: string;
  /** Who refused it, and in which words; without one it was answered. */
  readonly refusal?: string;
  readonly rows: number;
}

/** Tries, in the scope of the current company, to read what belongs to another one. The first attempt reads its own rows. */
export async function tryToLeak({ orm }: Tracker, other: string): Promise<LeakAttempt[]> {
  const tries: Readonly<Record<string, string>> = {
    'my own tasks': 'select title from task',
    'tasks of the other company, by its schema': `select title from t_${other}.task`,
    'the list of all companies': 'select id, name from central.company',
    'the search path, changed to the other company': `set local search_path to t_${other}; select title from task`,
    'the role of the database’s owner': 'reset role',
  };
  const attempts: LeakAttempt[] = [];
  for (const [aim, sql] of Object.entries(tries)) {
    try {
      const rows = await orm.em.execute(sql);
      attempts.push({ aim, sql, rows: rows.length });
    } catch (error) {
      attempts.push({ aim, sql, refusal: wordsOf(error), rows: 0 });
    }
  }
  return attempts;
}

function wordsOf(error: unknown): string {
  const { code, message, cause } = error as { code?: string; message: string; cause?: Error };
  const isOurs = code !== undefined && /^[A-Z_]{6,}$/.test(code);
  return isOurs ? `omnitenant: ${message}` : `PostgreSQL: ${(cause?.message ?? message).replace(/^.* - /s, '')}`;
}
