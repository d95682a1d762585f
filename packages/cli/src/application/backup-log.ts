import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { UsageError } from '../terminal/failure.ts';
import type { BackupTarget } from './backup-target.ts';

/** One archive of a backup. */
export interface BackupFile {
  /** The run that wrote it, by the time of its beginning. */
  readonly run: string;
  readonly at: string;
  readonly tenant: string;
  /** Tells the tenant from another of the same id. */
  readonly createdAt: string;
  /** Its name in the target. */
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** One tenant that could not be written. */
type BackupFailure = Pick<BackupFile, 'run' | 'at' | 'tenant' | 'createdAt'>;

/** What a target holds. Each run has a list there, `_runs/<run>.jsonl`. */
export interface BackupLog {
  /** The archives of a tenant, and of earlier ones of the same id. */
  filesOf(tenant: string): readonly BackupFile[];
  failuresOf(tenant: string): readonly BackupFailure[];
  /** The last run, if it did not come to its end. */
  readonly unfinished: string | undefined;
  begin(run: string): Promise<void>;
  add(file: BackupFile): Promise<void>;
  fail(failure: BackupFailure): Promise<void>;
  end(run: string): Promise<void>;
  /** Deletes archives, once what replaces them is in a list: a restore finds one of the two, whenever the process ends. */
  remove(files: readonly BackupFile[]): Promise<void>;
  /** Writes what was not written yet. */
  flush(): Promise<void>;
}

/** Which archives of a tenant are kept. */
export interface Keeping {
  /** The newest ones: so many. */
  readonly keep?: number | undefined;
  /** Those that are not older, in days; the newest in any case. */
  readonly keepDays?: number | undefined;
}

type Line = { readonly ended: true } | { readonly written: BackupFile } | { readonly failed: BackupFailure };

const folder = '_runs/';

interface Run {
  readonly files: Map<string, BackupFile>;
  readonly failures: BackupFailure[];
  isEnded: boolean;
  /** How many things happened, how many of them are being written into the list, and how many are there. */
  happened: number;
  written: number;
  listed: number;
}

/** Reads what a target holds, and changes nothing by that. */
export async function openBackupLog(target: BackupTarget): Promise<BackupLog> {
  const runs = new Map<string, Run>();
  const names: string[] = [];
  for await (const name of target.list(folder)) if (name.endsWith('.jsonl')) names.push(name);
  for (const name of names.sort()) {
    const run = newRun();
    const bytes = await target.read(name);
    for (const line of bytes ? linesOf(await text(bytes)) : []) take(run, line);
    runs.set(name, { ...run, written: run.happened, listed: run.happened });
  }
  let current: string | undefined;
  /** Archives to delete, each with what has to be listed of the current run before. */
  let outgoing: { readonly file: BackupFile; readonly after: number }[] = [];
  let writing: Promise<void> = Promise.resolve();

  async function write(name: string, run: Run): Promise<void> {
    const { happened, listed } = run;
    run.written = happened;
    const lines = listOf(run).map((line) => `${JSON.stringify(line)}\n`);
    // One after another, so that an older list does not replace a newer one.
    writing = writing.catch(() => {}).then(() => target.write(name, Readable.from([Buffer.from(lines.join(''))])));
    try {
      await writing;
      run.listed = happened;
    } catch (error) {
      run.written = listed;
      throw error;
    }
    await deleteOutgoing();
  }

  async function deleteOutgoing(): Promise<void> {
    const listed = runs.get(current ?? '')?.listed ?? 0;
    const ready = outgoing.filter(({ after }) => after <= listed);
    outgoing = outgoing.filter(({ after }) => after > listed);
    for (const { file } of ready) {
      await target.delete(file.file);
      const run = runs.get(nameOf(file.run));
      if (run?.files.delete(file.file)) run.happened += 1;
    }
  }

  /** Leaves the list as it is to be; one of nothing only for the last run. */
  async function tidy(name: string, run: Run): Promise<void> {
    const isLast = name === [...runs.keys()].at(-1);
    if (run.files.size === 0 && !isLast) {
      await target.delete(name);
      runs.delete(name);
    } else if (run.happened > run.listed) await write(name, run);
  }

  /** A long list is not written after each line. What is lost with the process is done again by the run that goes on. */
  async function note(name: string, line: Line): Promise<void> {
    const run = runs.get(name) ?? newRun();
    runs.set(name, run);
    current = name;
    take(run, line);
    if (run.happened - run.written > run.written / 50) await write(name, run);
  }

  return {
    filesOf: (tenant) =>
      [...runs.values()].flatMap(({ files }) => [...files.values()].filter((file) => file.tenant === tenant)),
    failuresOf: (tenant) =>
      [...runs.values()].flatMap(({ failures }) => failures.filter((each) => each.tenant === tenant)),
    get unfinished() {
      const [name, run] = [...runs].at(-1) ?? [];
      return run?.isEnded ? undefined : run && name && runOf(name);
    },
    async begin(run) {
      current = nameOf(run);
      const begun = newRun();
      runs.set(current, begun);
      await write(current, begun);
    },
    add: (file) => note(nameOf(file.run), { written: file }),
    fail: (failure) => note(nameOf(failure.run), { failed: failure }),
    end: (run) => note(nameOf(run), { ended: true }),
    async remove(gone) {
      const after = runs.get(current ?? '')?.happened ?? 0;
      outgoing.push(...gone.map((file) => ({ file, after })));
      await deleteOutgoing();
    },
    async flush() {
      // Its own first, after which archives are deleted that are in the others.
      const ordered = [...runs].sort(([one], [other]) => Number(other === current) - Number(one === current));
      // Another process may be at work on a run that has not ended.
      for (const [name, run] of ordered) if (name === current || run.isEnded) await tidy(name, run);
    },
  };
}

function newRun(): Run {
  return { files: new Map(), failures: [], isEnded: false, happened: 0, written: 0, listed: 0 };
}

function take(run: Run, line: Line): void {
  run.happened += 1;
  if ('written' in line) run.files.set(line.written.file, line.written);
  else if ('failed' in line) run.failures.push(line.failed);
  else run.isEnded = true;
}

function listOf({ files, failures, isEnded }: Run): readonly Line[] {
  return [
    ...[...files.values()].map((written) => ({ written })),
    ...failures.map((failed) => ({ failed })),
    ...(isEnded ? [{ ended: true as const }] : []),
  ];
}

/** A run is named by a time, in which some targets take no colon. */
function nameOf(run: string): string {
  return `${folder}${run.replaceAll(':', '-')}.jsonl`;
}

function runOf(name: string): string {
  return name.slice(folder.length, -'.jsonl'.length).replace(/T(\d+)-(\d+)-/, 'T$1:$2:');
}

/** The archives of one tenant that are kept no longer. */
export function outdated(
  files: readonly BackupFile[],
  { keep = Number.POSITIVE_INFINITY, keepDays = Number.POSITIVE_INFINITY }: Keeping,
  now: number,
): readonly BackupFile[] {
  const newestFirst = files.toSorted((a, b) => (a.at < b.at ? 1 : -1));
  return newestFirst.filter(({ at }, index) => index > 0 && (index >= keep || now - Date.parse(at) > keepDays * dayMs));
}

/** The newest archive of a tenant, or the newest that is not younger than `at`. */
export function newest(files: readonly BackupFile[], tenant: string, at = new Date().toISOString()): BackupFile {
  const [found] = files.filter((file) => file.at <= at).sort((a, b) => (a.at < b.at ? 1 : -1));
  if (found !== undefined) return found;
  throw new UsageError(`There is no backup of tenant "${tenant}" before that time.`);
}

const dayMs = 86_400_000;

function linesOf(list: string): readonly Line[] {
  return list.split('\n').flatMap((line) => {
    try {
      const read: unknown = JSON.parse(line);
      return typeof read === 'object' && read !== null ? [read as Line] : [];
    } catch {
      return [];
    }
  });
}
