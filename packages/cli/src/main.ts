import { CommanderError } from '@commander-js/extra-typings';
import { addCommands, createProgram } from './program.ts';
import { exitCodes, report } from './terminal/failure.ts';
import { runWithLoader } from './terminal/with-loader.ts';

/** Runs the command line and returns the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const program = createProgram();
  // `omnitenant list | head` closes the pipe, which is not a failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(exitCodes.done);
  });
  // Errors in the background work of the application.
  process.on('uncaughtException', (error) => {
    process.exit(report(error, { verbose: program.opts().verbose === true }));
  });
  try {
    await addCommands(program, argv.slice(2));
    const { import: loader } = program.opts();
    if (loader !== undefined && !process.execArgv.includes(loader)) return await runWithLoader(loader, argv.slice(1));
    await program.parseAsync(argv);
    return Number(process.exitCode ?? exitCodes.done);
  } catch (error) {
    // Commander has already printed the error, or the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    return report(error, { verbose: program.opts().verbose === true });
  }
}
