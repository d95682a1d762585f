// Run as a process of its own by reaper.ts: reads what to clear up line by line, and does so when there are no more lines.
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

interface Entry {
  folder: string;
  signal: NodeJS.Signals;
  pid?: number;
  forget?: true;
}

const entries = new Map<string, Entry>();

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
for await (const line of createInterface({ input: process.stdin })) {
  const entry: Entry = JSON.parse(line);
  if (entry.forget) entries.delete(entry.folder);
  else entries.set(entry.folder, entry);
}
await Promise.all([...entries.values()].map(clear));

async function clear({ folder, signal, pid }: Entry): Promise<void> {
  if (pid !== undefined) {
    kill(pid, signal);
    for (let waited = 0; alive(pid) && waited < 5_000; waited += 20) await sleep(20);
    kill(pid, 'SIGKILL');
  }
  await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

function kill(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

function alive(pid: number): boolean {
  if (!kill(pid, 0)) return false;
  try {
    // A zombie is gone: its new parent has only not noticed yet.
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return process.platform !== 'linux';
  }
}
