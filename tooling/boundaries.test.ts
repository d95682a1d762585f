import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { circles, importGraph, upwardImports } from './import-graph.ts';
import { importsOf, packages, root, sources } from './packages.ts';

/**
 * Who may import whom: express | koa | fastify | hono | nestjs | otel | webhooks → core ← orm ← sqlite | mariadb, core ← orm | cache | queue ← cli | admin. `core` imports no framework, no ORM and
 * no client; the others import the libraries that their package.json names. A new package needs a line here.
 */
const mayImport: Record<string, { packages: readonly string[]; libraries?: readonly string[] }> = {
  core: { packages: [], libraries: ['jose', 'lru-cache', 'modern-tar'] },
  orm: { packages: ['core'] },
  sqlite: { packages: ['core', 'orm'] },
  mariadb: { packages: ['core', 'orm'] },
  cache: { packages: ['core'] },
  queue: { packages: ['core'] },
  express: { packages: ['core'], libraries: ['express'] },
  koa: { packages: ['core'], libraries: ['koa'] },
  fastify: { packages: ['core'], libraries: ['fastify', 'fastify-plugin'] },
  hono: { packages: ['core'], libraries: ['hono'] },
  nestjs: { packages: ['core'], libraries: ['@mikro-orm/core', '@nestjs/common', '@nestjs/core', 'rxjs'] },
  cli: { packages: ['core', 'orm', 'cache', 'queue'] },
  otel: { packages: ['core'], libraries: ['@opentelemetry/api'] },
  webhooks: { packages: ['core'], libraries: [] },
  admin: { packages: ['core', 'orm'] },
};

/** What a package is made of, top to bottom. An import goes down, but for those in `except`, each with its reason. */
interface Rooms {
  readonly rooms: readonly string[];
  readonly except?: Readonly<Record<string, string>>;
}

const roomsOf: Record<string, Rooms> = {
  core: {
    rooms: [
      ...[
        'testing',
        'fixtures',
        '.',
        'usage',
        'impersonation',
        'domains',
        'observability',
        'registry',
        'entering',
        'lifecycle',
      ],
      ...['integrations', 'lookup', 'signals', 'scope', 'resource.ts'],
      ...['archive', 'stores', 'resolvers', 'models', 'errors', 'diagnostics'],
    ],
  },
  sqlite: { rooms: ['.', 'migrations', 'archive', 'central', 'mikro-orm', 'files', 'handles'] },
  mariadb: { rooms: ['.', 'archive', 'migrations', 'mikro-orm', 'storage', 'central', 'sessions', 'sql'] },
  cache: { rooms: ['.', 'stores', 'connections'] },
  queue: { rooms: ['.', 'processing', 'fair', 'job-index', 'bullmq', 'jobs'] },
  admin: {
    rooms: [
      '.',
      'pages',
      'api',
      'http',
      'admin-archives.ts',
      'admin-orm.ts',
      'admin-queue.ts',
      'problem.ts',
      'operator.ts',
      'schemas',
    ],
  },
  cli: { rooms: ['.', 'commands', 'application', 'terminal'] },
  orm: {
    rooms: [
      'testing',
      '.',
      'ready',
      'moves',
      'archive',
      ...['migrations', 'isolation', 'doctor', 'connections', 'central', 'mikro-orm', 'session', 'placement'],
      ...['entities', 'sql', 'vault'],
    ],
    except: {
      'entities/refuse-schema.ts > placement/placement.ts':
        'a session context may not replace the setting of row isolation',
    },
  },
};

describe.each(packages())('@omnitenant/$folder', ({ folder, path, manifest }) => {
  const rule = mayImport[folder];
  const declared = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
  const shipped = sources(join(path, 'src')).filter((file) => !file.includes('/src/fixtures/'));
  const files = shipped.map((file) => ({ file, imports: importsOf(readFileSync(file, 'utf8')) }));

  test('imports what it may, and declares it', () => {
    if (!rule) throw new Error(`tooling/boundaries.test.ts does not say what ${manifest.name} may import.`);
    const allowed = (rule.libraries ?? declared.filter((name) => !name.startsWith('@omnitenant/'))).concat(
      rule.packages.map((name) => `@omnitenant/${name}`),
    );
    const outside = files.flatMap(({ file, imports }) =>
      imports
        .filter((name) => !name.startsWith('.') && !name.startsWith('node:'))
        .filter((name) => !allowed.includes(libraryOf(name)) || !declared.includes(libraryOf(name)))
        .map((name) => `${relative(root, file)} imports ${name}`),
    );
    expect(outside).toEqual([]);
  });

  test('reaches into no other package by path', () => {
    const outside = files.flatMap(({ file, imports }) =>
      imports
        .filter((name) => name.startsWith('.') && !join(dirname(file), name).startsWith(join(path, 'src')))
        .map((name) => `${relative(root, file)} imports ${name}`),
    );
    expect(outside).toEqual([]);
  });

  test('has no circle of imports, of types either', () => {
    expect(circles(importGraph(join(path, 'src')))).toEqual([]);
  });

  test.runIf(roomsOf[folder])('has rooms whose imports go down', () => {
    const { rooms = [], except = {} } = roomsOf[folder] ?? {};
    expect(upwardImports(importGraph(join(path, 'src')), rooms).sort()).toEqual(Object.keys(except).sort());
  });

  test('has its unit tests beside their files, and in test/ those that need a server', () => {
    const units = sources(join(path, 'src'), { tests: true }).filter((file) => file.endsWith('.test.ts'));
    const misplaced = units.filter((file) => !existsSync(subjectOf(file)) || needsServer(readFileSync(file, 'utf8')));
    expect(misplaced.map((file) => relative(root, file))).toEqual([]);
  });

  test('does not ship what only its tests use', () => {
    // What is made for tests that are written with it may lean on a runner.
    const forRunners = join('testing', 'kit', 'vitest.ts');
    const testOnly = files
      .filter(({ file }) => !file.endsWith(forRunners))
      .flatMap(({ file, imports }) =>
        imports
          .filter((name) => name.endsWith('.test.ts') || ['vitest', '@omnitenant/tooling'].includes(libraryOf(name)))
          .map((name) => `${relative(root, file)} imports ${name}`),
      );
    expect(testOnly).toEqual([]);
  });
});

test('an import that goes up is seen, and a circle', () => {
  const graph = new Map([
    ['top.ts', ['low/a.ts']],
    ['low/a.ts', ['low/b.ts', 'floor.ts']],
    ['low/b.ts', ['top.ts']],
    ['floor.ts', []],
  ]);
  expect(upwardImports(graph, ['.', 'low', 'floor.ts'])).toEqual(['low/b.ts > top.ts']);
  expect(circles(graph)).toEqual(['top.ts > low/a.ts > low/b.ts > top.ts']);
  expect(() => upwardImports(graph, ['.'])).toThrow('low/a.ts');
});

test('every way to import is seen, and nothing in a comment', () => {
  const code = `
    import a from 'a'; import type { B } from "b/types";
    import 'c'; export * from './d.ts'; export { e } from 'e';
    import {
      f,
      type G,
    } from '@scope/f/g';
    const h = await import('h'); type I = import('i').I;
    // import j from 'j';
    /** @example import k from 'k'; */
    const url = 'https://l'; // import('m')
    export const n = 'n';
  `;
  expect(importsOf(code).sort()).toEqual(['./d.ts', '@scope/f/g', 'a', 'b/types', 'c', 'e', 'h', 'i']);
});

function subjectOf(testFile: string): string {
  return testFile.replace(/(\.property)?\.test\.ts$/, '.ts');
}

/** Whether a test opens a database, a Redis or a port. */
function needsServer(code: string): boolean {
  const clients = ['@omnitenant/tooling', 'pg', 'ioredis', 'node:http', 'node:net'];
  return importsOf(code).some((name) => clients.includes(name));
}

function libraryOf(name: string): string {
  return name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/');
}
