import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { importsOf, sources } from './packages.ts';

/** The files of a folder, each with the files that it imports from there, types included; paths are relative to the folder. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

export function importGraph(folder: string): ImportGraph {
  return new Map(
    sources(folder).map((file) => [
      relative(folder, file),
      importsOf(readFileSync(file, 'utf8'))
        .filter((name) => name.startsWith('.'))
        .map((name) => relative(folder, join(dirname(file), name))),
    ]),
  );
}

/** Each circle of imports, as `a.ts > b.ts > a.ts`. */
export function circles(graph: ImportGraph): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  function visit(file: string, trail: readonly string[]): void {
    const start = trail.indexOf(file);
    if (start >= 0) found.push([...trail.slice(start), file].join(' > '));
    if (start >= 0 || done.has(file)) return;
    for (const imported of graph.get(file) ?? []) visit(imported, [...trail, file]);
    done.add(file);
  }
  for (const file of graph.keys()) visit(file, []);
  return found;
}

/**
 * The imports that go up, as `from.ts > to.ts`. `rooms` are listed top to bottom: a folder (`sql`), a file of the top level
 * (`errors.ts`), or `.` for the other files of the top level. Throws where a file is in no room.
 */
export function upwardImports(graph: ImportGraph, rooms: readonly string[]): string[] {
  function floorOf(file: string): number {
    const room = file.includes('/') ? file.slice(0, file.indexOf('/')) : file;
    const floor = rooms.indexOf(rooms.includes(room) || file.includes('/') ? room : '.');
    if (floor < 0) throw new Error(`tooling/boundaries.test.ts does not list the folder of ${file}.`);
    return floor;
  }
  return [...graph].flatMap(([file, imports]) =>
    imports.filter((imported) => floorOf(imported) < floorOf(file)).map((imported) => `${file} > ${imported}`),
  );
}
