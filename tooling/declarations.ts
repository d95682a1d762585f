import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DeclarationFile, readDeclarations } from './declaration-file.ts';
import { type EntryPoint, root } from './packages.ts';

/** What users reach through an entry point. */
export interface Surface {
  readonly name: string;
  readonly source: string;
  /** By the name that is exported. */
  readonly exported: ReadonlyMap<string, Declaration>;
  /** The other declarations of the package that these refer to. */
  readonly referred: readonly Declaration[];
}

interface Declaration {
  readonly file: string;
  readonly name: string;
  readonly text: string;
}

type Read = (file: string) => DeclarationFile;

/** The declarations behind each entry point, as `tsc` emits them. */
export function surfaces(entries: readonly EntryPoint[]): Surface[] {
  const folder = mkdtempSync(join(tmpdir(), 'omnitenant-declarations-'));
  try {
    emitDeclarations(folder);
    const files = new Map<string, DeclarationFile>();
    function read(file: string): DeclarationFile {
      const found = files.get(file) ?? readDeclarations(file);
      files.set(file, found);
      return found;
    }
    return entries.map(({ name, source }) => {
      const entry = join(folder, source.slice(join(root, 'packages/').length).replace(/\.ts$/, '.d.ts'));
      const exported = new Map([...exportsOf(entry, read)].map(([exported, at]) => [exported, find(at, read)]));
      return { name, source, exported, referred: referredTo([...exported.values()], read) };
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A text of all surfaces, in which a declaration that an earlier one has shown is only named. */
export function rollUp(all: readonly Surface[]): string {
  const shown = new Map<string, string>();
  function show(exported: string, { file, name, text }: Declaration, entry: string): string {
    const before = shown.get(`${file}#${name}`);
    if (before !== undefined) return `  ${exported}: see ${before}`;
    shown.set(`${file}#${name}`, entry);
    return (exported === name ? text : `${exported} is ${text}`).replace(/^/gm, '  ');
  }
  const sections = all.map(({ name: entry, exported, referred }) => {
    const own = sorted(exported).map(([name, declaration]) => show(name, declaration, entry));
    const others = sorted(referred.map((declaration) => [declaration.name, declaration] as const))
      .filter(([, { file, name }]) => !shown.has(`${file}#${name}`))
      .map(([name, declaration]) => show(name, declaration, entry));
    const below = others.length > 0 ? ['', `${entry}, not exported`, ...others] : [];
    return [entry, ...own, ...below, ''].join('\n');
  });
  return sections.join('\n');
}

function emitDeclarations(folder: string): void {
  const config = {
    extends: join(root, 'tsconfig.base.json'),
    compilerOptions: {
      ...{ composite: false, declarationMap: false, sourceMap: false, emitDeclarationOnly: true, noCheck: true },
      ...{ rootDir: join(root, 'packages'), outDir: folder, typeRoots: [join(root, 'node_modules/@types')] },
    },
    include: [join(root, 'packages/*/src')],
    exclude: [join(root, 'packages/*/src/**/*.test.ts'), join(root, 'packages/*/src/fixtures')],
  };
  const file = join(folder, 'tsconfig.json');
  writeFileSync(file, JSON.stringify(config));
  execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', file]);
}

/** The exported names of a file, with the file and name of each declaration. */
function exportsOf(file: string, read: Read): Map<string, readonly [file: string, name: string]> {
  const { exported, all } = read(file);
  const own = [...exported].map(([name, local]) => [name, [file, local] as const] as const);
  return new Map([...all.flatMap((other) => [...exportsOf(other, read)]), ...own]);
}

function find([file, name]: readonly [file: string, name: string], read: Read): Declaration {
  const { declared, from, exported } = read(file);
  const local = exported.get(name) ?? name;
  const text = declared.get(local);
  if (text !== undefined) return { file, name: local, text };
  const source = from.get(local) ?? exportsOf(file, read).get(name);
  if (source === undefined) throw new Error(`${file} does not declare ${name}`);
  return isOurs(source) ? find(source, read) : { file: source[0], name, text: `${name} of ${source[0]}` };
}

function referredTo(start: readonly Declaration[], read: Read): Declaration[] {
  const seen = new Set(start.map(({ file, name }) => `${file}#${name}`));
  const queue = [...start];
  for (const { file, text } of queue) {
    if (!file.startsWith('/')) continue;
    const { declared, from } = read(file);
    for (const word of new Set(text.match(/\b[A-Za-z_$][\w$]*\b/g))) {
      if (!declared.has(word) && !isOurs(from.get(word))) continue;
      const declaration = find([file, word], read);
      const key = `${declaration.file}#${declaration.name}`;
      if (!seen.has(key)) queue.push(declaration);
      seen.add(key);
    }
  }
  return queue.slice(start.length).filter(({ file }) => file.startsWith('/'));
}

/** Whether it is one of the package's own files. */
function isOurs(source: readonly [file: string, name: string] | undefined): boolean {
  return source?.[0].startsWith('/') ?? false;
}

function sorted<T>(entries: Iterable<readonly [string, T]>): (readonly [string, T])[] {
  return [...entries].sort(([a], [b]) => a.localeCompare(b, 'en'));
}
