import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { exitCodes } from './failure.ts';

/** Runs the command again in a Node that has loaded this module first, which Node finds as `node --import` does; returns the exit code. */
export async function runWithLoader(loader: string, args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [...process.execArgv, '--import', loader, ...args], { stdio: 'inherit' });
  // A terminal sends Ctrl-C to both; the command decides what it means.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? exitCodes.interrupted;
}
