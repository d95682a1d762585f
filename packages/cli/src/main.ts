import { CommanderError } from '@commander-js/extra-typings';
import { createProgram } from './program.ts';
import { exitCodes, report } from './terminal/failure.ts';

/** Runs the command line, and gives the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const program = createProgram();
  // `omnitenant list | head` closes the pipe, which is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(exitCodes.done);
  });
  // What the application does in the background, and nobody awaits.
  process.on('uncaughtException', (error) => {
    process.exit(report(error, { verbose: program.opts().verbose === true }));
  });
  try {
    await program.parseAsync(argv);
    return Number(process.exitCode ?? exitCodes.done);
  } catch (error) {
    // Commander has said what is wrong, or printed the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    return report(error, { verbose: program.opts().verbose === true });
  }
}
