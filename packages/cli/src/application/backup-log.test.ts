import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { type BackupFile, newest, openBackupLog, outdated } from './backup-log.ts';
import type { BackupTarget } from './backup-target.ts';

/** A target in memory, which counts what is written, and takes no more of it while it is full. */
function memory() {
  const kept = new Map<string, string>();
  const counts = { writes: 0 };
  const state = { isFull: false };
  const target: BackupTarget = {
    async write(name, bytes) {
      if (state.isFull) throw new Error('the target is full');
      counts.writes += 1;
      kept.set(name, await text(bytes));
    },
    read: async (name) => (kept.has(name) ? Readable.from([Buffer.from(kept.get(name) ?? '')]) : undefined),
    async *list(prefix) {
      for (const name of kept.keys()) if (name.startsWith(prefix)) yield name;
    },
    delete: async (name) => void kept.delete(name),
  };
  return { kept, counts, state, target };
}

function file(tenant: string, day: number, run = day): BackupFile {
  const at = (of: number) => `2026-01-${String(of).padStart(2, '0')}T01:02:03.000Z`;
  return { run: at(run), at: at(day), tenant, createdAt: at(1), file: `${tenant}-${day}`, bytes: 1, sha256: '00' };
}

test('what happened is read again by the process that goes on, but for a line that was cut off', async () => {
  const { kept, target } = memory();
  const log = await openBackupLog(target);
  const { run } = file('acme', 1);
  await log.begin(run);
  await log.add(file('acme', 1));
  await log.fail(file('bloom', 1));
  const [[name = '', list = ''] = []] = [...kept];
  expect(name).toBe('_runs/2026-01-01T01-02-03.000Z.jsonl');
  kept.set(name, `${list}null\n{"written": {"tenant": "bl`);
  const again = await openBackupLog(target);
  expect([again.unfinished, again.filesOf('acme')]).toEqual([run, [file('acme', 1)]]);
  expect(again.failuresOf('bloom')).toMatchObject([{ tenant: 'bloom', run }]);
  await again.add(file('bloom', 1));
  await again.end(run);
  await again.flush();
  const last = await openBackupLog(target);
  expect([last.unfinished, last.filesOf('bloom')]).toEqual([undefined, [file('bloom', 1)]]);
});

test('reading changes nothing', async () => {
  const { counts, target } = memory();
  await openBackupLog(target);
  expect(counts.writes).toBe(0);
});

test('an archive that is deleted is gone, from its list too, and a list of nothing goes with it', async () => {
  const { kept, target } = memory();
  const log = await openBackupLog(target);
  for (const day of [1, 2]) {
    await log.begin(file('acme', day).run);
    for (const tenant of ['acme', 'bloom']) {
      kept.set(`${tenant}-${day}`, '');
      await log.add(file(tenant, day));
    }
    await log.end(file('acme', day).run);
  }
  await log.remove([file('acme', 1)]);
  await log.flush();
  expect(kept.has('acme-1')).toBe(false);
  expect((await openBackupLog(target)).filesOf('acme')).toEqual([file('acme', 2)]);
  await log.remove([file('bloom', 1)]);
  await log.flush();
  expect([...kept.keys()].filter((name) => name.startsWith('_runs/'))).toHaveLength(1);
  expect((await openBackupLog(target)).filesOf('bloom')).toEqual([file('bloom', 2)]);
});

test('an archive is deleted once the one that replaces it is in a list, where a restore finds it', async () => {
  const { kept, state, target } = memory();
  const log = await openBackupLog(target);
  const tenants = Array.from({ length: 200 }, (_, n) => `t${n}`);
  const foundIn = async (tenant: string) => newest((await openBackupLog(target)).filesOf(tenant), tenant).file;
  async function writeDay(day: number): Promise<void> {
    await log.begin(file('any', day).run);
    for (const tenant of tenants) {
      kept.set(`${tenant}-${day}`, '');
      await log.add(file(tenant, day));
      await log.remove(day > 1 ? [file(tenant, day - 1)] : []);
      // As a process that ends here leaves it.
      if (day > 1) expect([...kept.keys()]).toContain(await foundIn(tenant));
    }
  }
  await writeDay(1);
  await log.end(file('any', 1).run);
  await log.flush();
  await writeDay(2);
  const ofBefore = () => [...kept.keys()].filter((name) => name.endsWith('-1'));
  const left = ofBefore();
  expect(left.length).toBeLessThan(5);
  state.isFull = true;
  await expect(Promise.all(tenants.map((tenant) => log.add(file(`new-${tenant}`, 2))))).rejects.toThrow('full');
  await log.remove([file('t199', 1)]);
  await expect(log.flush()).rejects.toThrow('full');
  expect(ofBefore()).toEqual(left);
  expect(await foundIn('t0')).toBe('t0-2');
  state.isFull = false;
  await log.flush();
  expect(ofBefore()).toEqual([]);
  expect(await foundIn('t199')).toBe('t199-2');
});

test('the list of a run that another process is at work on is left alone', async () => {
  const { target } = memory();
  const other = await openBackupLog(target);
  await other.begin(file('acme', 1).run);
  await other.add(file('acme', 1));
  const own = await openBackupLog(target);
  await own.begin(file('acme', 2).run);
  await own.add(file('acme', 2));
  await other.add(file('bloom', 1));
  await own.remove([file('acme', 1)]);
  await own.flush();
  expect((await openBackupLog(target)).filesOf('bloom')).toEqual([file('bloom', 1)]);
});

test('a list of thousands is not written thousands of times', async () => {
  const { counts, target } = memory();
  const log = await openBackupLog(target);
  const { run } = file('acme', 1);
  await log.begin(run);
  for (let n = 0; n < 1_000; n += 1) await log.add({ ...file(`t${n}`, 1) });
  await log.flush();
  expect(counts.writes).toBeLessThan(250);
  expect((await openBackupLog(target)).filesOf('t999')).toHaveLength(1);
});

test('the newest are kept, and the last one however old it is', () => {
  const files = [file('acme', 3), file('acme', 1), file('acme', 2)];
  const now = Date.parse('2026-01-04');
  const gone = (of: readonly BackupFile[], keeping: object) =>
    outdated(of, keeping, now).map(({ at }) => at.slice(8, 10));
  expect(gone(files, { keep: 2 })).toEqual(['01']);
  expect(gone(files, { keepDays: 1 })).toEqual(['02', '01']);
  expect(gone(files, {})).toEqual([]);
  expect(gone([file('bloom', 1)], { keepDays: 1 })).toEqual([]);
});

test('a restore takes the newest of a time', () => {
  const files = [file('acme', 1), file('acme', 3)];
  expect(newest(files, 'acme').file).toBe('acme-3');
  expect(newest(files, 'acme', '2026-01-02').file).toBe('acme-1');
  expect(() => newest([], 'cobalt')).toThrow('"cobalt"');
});
