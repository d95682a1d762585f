import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { print } from './output.ts';

/** Prints text; on a terminal that it does not fit on, through the pager of `PAGER` (default: less), as git does. */
export async function printPaged(text: string): Promise<void> {
  const pager = process.env.PAGER ?? 'less';
  const fits = text.split('\n').length < (process.stdout.rows ?? Number.POSITIVE_INFINITY);
  if (fits || pager === '' || !process.stdout.isTTY || !process.stdin.isTTY) return print(text);
  const env = { LESS: 'FRX', ...process.env };
  const child = spawn(pager, { shell: true, env, stdio: ['pipe', 'inherit', 'inherit'] });
  // Left before its end, and Ctrl-C, are the pager's to deal with.
  child.stdin.on('error', () => {});
  const leaveToPager = () => {};
  process.on('SIGINT', leaveToPager);
  child.stdin.end(`${text}\n`);
  const [code] = (await once(child, 'close')) as [number | null];
  process.off('SIGINT', leaveToPager);
  if (code === commandNotFound) print(text);
}

const commandNotFound = 127;
