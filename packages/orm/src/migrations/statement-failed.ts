/** A statement of a migration failed, for the reason in `cause`. */
export class StatementFailed extends Error {
  readonly migration: string;
  readonly statement: string | undefined;

  constructor(migration: string, statement: string | undefined, cause: unknown) {
    super(reasonOf(cause, statement), { cause });
    this.migration = migration;
    this.statement = statement;
  }
}

/** Runs a step's work, and says of a failure which migration and which statement it was. */
export async function naming<R>(migration: string, statement: string | undefined, work: () => Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof StatementFailed ? error : new StatementFailed(migration, statement, error);
  }
}

/** A statement in one line, as messages show it. */
export function inOneLine(statement: string): string {
  const line = statement.trim().replaceAll(/\s+/g, ' ');
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}

/** MikroORM puts the statement in front of the reason. */
function reasonOf(cause: unknown, statement = ''): string {
  const { message = String(cause) } = cause as { message?: string };
  return message.startsWith(`${statement} - `) ? message.slice(statement.length + 3) : message;
}
