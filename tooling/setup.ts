import { flushCompileCache } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, vi } from 'vitest';
import { open } from './testing/open.ts';

// A wait is over as soon as what it waits for is there. Vitest gives up after one second, which a busy machine may well need.
const { waitFor, waitUntil } = vi;
const patient = { timeout: 60_000 };
vi.waitFor = (work, options) => waitFor(work, { ...patient, ...(options as object) });
vi.waitUntil = (work, options) => waitUntil(work, { ...patient, ...(options as object) });

// What keeps a process alive is what a test forgot: a pool, a server, a client. Timers are the runner's as well.
const watched = new Set([
  'TCPSocketWrap',
  'TCPServerWrap',
  'TLSWrap',
  'UDPWrap',
  'ProcessWrap',
  'Worker',
  'FSEventWrap',
]);
const before = resources();

// Registered first, so it runs last: after each hook of the test file itself.
afterAll(async () => {
  flushCompileCache();
  const left = [...open];
  open.clear();
  let active = added();
  // A socket that was closed is gone a few turns of the event loop later.
  for (let tries = 0; active.length > 0 && tries < 500; tries++) {
    await sleep(20);
    active = added();
  }
  left.push(...active.map((name) => `an open ${name}`));
  if (left.length > 0) throw new Error(`The tests of this file left behind: ${left.join(', ')}.`);
});

function added(): string[] {
  const counts = new Map(before);
  const left: string[] = [];
  for (const [name, count] of resources()) {
    for (let extra = count - (counts.get(name) ?? 0); extra > 0; extra--) left.push(name);
  }
  return left;
}

function resources(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of process.getActiveResourcesInfo()) {
    if (watched.has(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}
