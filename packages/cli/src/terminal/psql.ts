import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { exitCodes, UsageError } from './failure.ts';

/**
 * Runs psql with these variables and returns its exit code. Of the environment it gets only what a terminal needs: psql shows it to whoever
 * asks, and that of the application holds credentials.
 */
export async function runPsql(args: readonly string[], login: Readonly<Record<string, string>>): Promise<number> {
  const kept = Object.entries(process.env).filter(([name]) => terminal.test(name));
  const env = { ...Object.fromEntries(kept), PGAPPNAME: 'omnitenant psql', ...login };
  // Ctrl-C cancels the statement, which psql sees to.
  const leaveToPsql = () => {};
  process.on('SIGINT', leaveToPsql);
  try {
    const child = spawn('psql', [...args], { env, stdio: 'inherit' });
    const [code] = (await once(child, 'close')) as [number | null];
    return code ?? exitCodes.failed;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new UsageError(
      "psql is not installed. Install PostgreSQL's client, such as: apt install postgresql-client, brew install libpq. Or use: omnitenant shell",
    );
  } finally {
    process.off('SIGINT', leaveToPsql);
  }
}

const terminal =
  /^(PATH|HOME|USER|TERM|COLORTERM|LANG|LC_\w+|TZ|TMPDIR|PAGER|LESS|EDITOR|VISUAL|PSQL_\w+|PGSSL(MODE|ROOTCERT|CERT|KEY))$/;
