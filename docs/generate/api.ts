import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { Application, type TypeDocOptions } from 'typedoc';
import type { PluginOptions } from 'typedoc-plugin-markdown';

const docs = join(import.meta.dirname, '..');
const packages = join(docs, '..', 'packages');
const order = [
  'core',
  'orm',
  'sqlite',
  'mariadb',
  'express',
  'koa',
  'fastify',
  'hono',
  'nestjs',
  'queue',
  'cache',
  'otel',
  'admin',
  'cli',
];

/** Where the pages are written, one for each entry point of a package. */
export const apiFolder: string = join(docs, 'reference', 'api');

/** Writes the API reference from the doc comments of what the packages export. */
export async function generateApi(): Promise<void> {
  const entries = await entryPoints();
  const names = new Map(entries.map(({ file, name }) => [typeDocName(file), name]));
  const options: TypeDocOptions & PluginOptions = {
    plugin: ['typedoc-plugin-markdown'],
    entryPoints: entries.map(({ file }) => file),
    tsconfig: join(docs, 'tsconfig.typedoc.json'),
    // What is compiled is checked by the repository's own compiler.
    skipErrorChecking: true,
    excludeExternals: true,
    excludePrivate: true,
    excludeInternal: true,
    disableSources: true,
    readme: 'none',
    sort: ['kind', 'source-order'],
    kindSortOrder: ['Function', 'Class', 'Variable', 'Interface', 'TypeAlias'],
    groupOrder: ['Functions', 'Classes', 'Variables', 'Interfaces', 'Type Aliases'],
    router: 'module',
    entryFileName: 'index',
    out: apiFolder,
    hidePageHeader: true,
    hideBreadcrumbs: true,
    hideGroupHeadings: true,
    useCodeBlocks: true,
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    propertyMembersFormat: 'table',
    logLevel: 'Error',
  };
  const app = await Application.bootstrapWithPlugins(options);
  const project = await app.convert();
  if (!project) throw new Error('TypeDoc cannot read the packages.');
  project.name = 'API';
  for (const module of project.children ?? []) {
    module.name = names.get(module.name) ?? module.name;
    // What a package is entered by comes first.
    for (const group of module.groups ?? []) group.children.sort((a, b) => Number(isFactory(b)) - Number(isFactory(a)));
  }
  await rm(apiFolder, { recursive: true, force: true });
  await app.generateOutputs(project);
  if (app.logger.hasErrors()) throw new Error('TypeDoc cannot write the API reference.');
  const pages = await readdir(apiFolder, { recursive: true });
  await Promise.all(pages.filter((page) => page.endsWith('.md')).map((page) => correctLinks(join(apiFolder, page))));
}

function isFactory({ name }: { readonly name: string }): boolean {
  return name.startsWith('create');
}

/**
 * Corrects links of a page to its own headings. TypeDoc takes `stats` of `Queue` for a namesake of `QueueStats`, and links to
 * `#queuestats-1`, although there is one such heading.
 */
async function correctLinks(page: string): Promise<void> {
  const text = await readFile(page, 'utf8');
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) => title.toLowerCase());
  const isTwice = (name: string) => headings.filter((heading) => heading === name).length > 1;
  const corrected = text.replace(/\]\(#([a-z]+)-\d+\)/g, (link, name) => (isTwice(name) ? link : `](#${name})`));
  if (corrected !== text) await writeFile(page, corrected);
}

/** Each source file that a package's `exports` lead to, and the name that it is imported by. */
async function entryPoints(): Promise<{ file: string; name: string }[]> {
  const folders = (await readdir(packages)).toSorted((a, b) => order.indexOf(a) - order.indexOf(b));
  const manifests = folders.map(async (folder) => {
    const { name, exports }: Manifest = JSON.parse(await readFile(join(packages, folder, 'package.json'), 'utf8'));
    return Object.entries(exports).flatMap(([path, target]) =>
      typeof target === 'string'
        ? []
        : [{ file: join(packages, folder, target['@omnitenant/source']), name: join(name, path).replace(/\/$/, '') }],
    );
  });
  return (await Promise.all(manifests)).flat();
}

/** What TypeDoc calls a module: its path among the packages. */
function typeDocName(file: string): string {
  return relative(packages, file).replace(/(?:\/index)?\.ts$/, '');
}

interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, string | { readonly '@omnitenant/source': string }>>;
}
