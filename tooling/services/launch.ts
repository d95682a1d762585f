import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, open, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { serverFolder } from './folder.ts';
import { reaper } from './reaper.ts';

const isRoot = process.getuid?.() === 0;

/** Servers that refuse to run as root are run as nobody. */
export const runAs: { uid?: number; gid?: number } = isRoot ? { uid: 65534, gid: 65534 } : {};

interface Launch {
  name: string;
  stopSignal: NodeJS.Signals;
  /** Where it is to listen; at a free port when left out. */
  port?: number | undefined;
  /** Makes what the server needs in its folder, and says how to start it. */
  prepare(
    folder: string,
  ): Promise<{ file: string; args(port: number): string[] | Promise<string[]>; env?: Record<string, string> }>;
  url(port: number): string;
  /** Resolves when the server answers. */
  check(url: string): Promise<unknown>;
}

/**
 * Starts a server on a port of 127.0.0.1 with a folder of its own. Both are gone after `stop`, and after the end of
 * this process however it ended.
 */
export async function launch({ name, stopSignal, port: wanted, prepare, url, check }: Launch) {
  const folder = await serverFolder(name, isRoot);
  const watched = reaper().watch(folder, stopSignal);
  async function discard() {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    watched.forget();
  }
  try {
    if (runAs.uid !== undefined) await chown(folder, runAs.uid, runAs.gid ?? runAs.uid);
    const { file, args, env } = await prepare(folder);
    async function start(port: number): Promise<{ child: ChildProcess; failure: string | undefined }> {
      const log = await open(join(folder, 'log'), 'a');
      // A group of its own: an interrupt from the terminal is for the tests, which then stop the server.
      const child = spawn(file, await args(port), {
        ...runAs,
        cwd: folder,
        detached: true,
        env: { ...process.env, ...env },
        stdio: ['ignore', log.fd, log.fd],
      });
      const ended = endOf(child);
      await log.close();
      if (child.pid) watched.pid(child.pid);
      const failure = await answers(ended, () => check(url(port)));
      if (failure) await end(child, 'SIGKILL');
      else child.unref();
      return { child, failure };
    }
    for (let attempt = 1; ; attempt++) {
      const port = wanted ?? (await freePort());
      let { child, failure } = await start(port);
      if (!failure) {
        return {
          url: url(port),
          stop: () => end(child, stopSignal).then(discard),
          /** Ends the server and starts it again, with what it has kept; its clients lose their connections. It is gone `meanwhile`. */
          async restart(
            signal: NodeJS.Signals = stopSignal,
            meanwhile: () => Promise<unknown> = async () => {},
          ): Promise<void> {
            await end(child, signal);
            await meanwhile();
            ({ child, failure } = await start(port));
            if (failure) throw new Error(`${name} did not start again: ${failure}`);
          },
        };
      }
      if (attempt === 3) {
        const tail = (await readFile(join(folder, 'log'), 'utf8')).split('\n').slice(-15).join('\n');
        throw new Error(`${name} did not start: ${failure}\n${tail}`);
      }
    }
  } catch (error) {
    await discard();
    throw error;
  }
}

function endOf(child: ChildProcess): Promise<string> {
  return once(child, 'exit').then(
    ([code, signal]) => `it ended with ${signal ?? `exit code ${code}`}`,
    (error: Error) => error.message,
  );
}

/** Why it does not answer, if it does not. */
async function answers(ended: Promise<string>, check: () => Promise<unknown>): Promise<string | undefined> {
  const deadline = Date.now() + 20_000;
  let last = 'no answer';
  while (Date.now() < deadline) {
    const outcome = await Promise.race([
      ended,
      check().then(
        () => true,
        (error: Error) => error,
      ),
    ]);
    if (outcome === true) return undefined;
    if (typeof outcome === 'string') return outcome;
    last = outcome instanceof Error ? outcome.message : last;
    await sleep(20);
  }
  return `no answer in 20 s (${last})`;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.ref();
  child.kill(signal);
  const killer = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await exited;
  clearTimeout(killer);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await promisify(server.close.bind(server))();
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
