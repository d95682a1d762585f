import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { paint } from './output.ts';

/**
 * Runs a command with the tenant in `OMNITENANT_TENANT`. A single command inherits the terminal; of several, each line of
 * output starts with the tenant. Rejects unless the exit code is 0.
 */
export async function spawnInTenant(
  tenant: string,
  command: readonly string[],
  { several = false } = {},
): Promise<void> {
  const [program = '', ...args] = command;
  const env = { ...process.env, OMNITENANT_TENANT: tenant };
  const child = spawn(program, args, { env, stdio: several ? ['ignore', 'pipe', 'pipe'] : 'inherit' });
  const ended = once(child, 'close');
  if (several) {
    void label(child.stdout as Readable, process.stdout, tenant);
    void label(child.stderr as Readable, process.stderr, tenant);
  }
  const [code, signal] = (await ended.catch(({ code }) => {
    throw new Error(`Could not start "${program}" (${code})`);
  })) as [number | null, string | null];
  if (code !== 0) throw new Error(`"${program}" ended with ${signal ?? `exit code ${code}`}`);
}

async function label(from: Readable, to: NodeJS.WriteStream, tenant: string): Promise<void> {
  for await (const line of createInterface({ input: from })) to.write(`${paint('dim', `${tenant} |`, to)} ${line}\n`);
}
