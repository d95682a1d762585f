import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { codeBlocks } from './code-blocks.ts';
import { linkDependencies } from './dependencies.ts';
import { root } from './packages.ts';
import { reaper } from './services/reaper.ts';

const noOutput = { composite: false, declaration: false, declarationMap: false, sourceMap: false, noEmit: true };
const documents = [root, join(root, 'docs'), join(root, 'packages'), join(root, 'examples')]
  .flatMap((folder) => markdownFiles(folder, folder !== root))
  .filter((document) => !document.startsWith('docs/reference/api/'));

describe('the documentation', () => {
  const folder = mkdtempSync(join(tmpdir(), 'omnitenant-docs-'));
  const watched = reaper().watch(folder, 'SIGKILL');
  let output = '';

  beforeAll(async () => {
    linkDependencies(join(folder, 'node_modules'));
    for (const document of documents) {
      const text = readFileSync(join(root, document), 'utf8');
      for (const { name, code } of codeBlocks(text)) {
        const file = join(folder, text.includes('@nestjs/') ? 'legacy' : kindOf(code), document, name);
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, code);
      }
    }
    output = (await Promise.all([compile(folder, 'es'), compile(folder, 'legacy')])).join('\n');
  }, 300_000);

  afterAll(() => {
    rmSync(folder, { recursive: true });
    watched.forget();
  });

  test.each(documents.concat('everything else'))('%s holds code that compiles', (document) => {
    const ofDocument = (line: string) => line.startsWith(`${document}:`);
    const ofNone = (line: string) => !documents.some((other) => line.startsWith(`${other}:`));
    const isTheirs = document === 'everything else' ? ofNone : ofDocument;
    expect(
      output
        .split('\n')
        .filter((line) => line.includes('error TS'))
        .filter(isTheirs),
    ).toEqual([]);
  });
});

describe('a code block', () => {
  test('keeps the lines of its document', () => {
    expect(codeBlocks('# Title\n\n```ts\nconst a = 1;\n```\n')).toEqual([
      { name: 'line-3.ts', code: '\n\n\nconst a = 1;\nexport {};\n' },
    ]);
  });

  test('may be named, continued, left out with a reason, and of another language', () => {
    const blocks = ['ts [a.ts]\nlet a;', 'ts continued\na = 1;', 'ts no-check: a sketch\n?', 'sh\nls', 'js\nno'];
    const modules = codeBlocks(blocks.map((block) => `\`\`\`${block}\n\`\`\`\n`).join(''));
    expect(modules).toEqual([{ name: 'a.ts', code: '\nlet a;\n\n\na = 1;\nexport {};\n' }]);
  });

  test('may be one that is compiled and not run', () => {
    const [module] = codeBlocks('```ts [a.ts] no-run: it is a test of its own\nlet a;\n```\n');
    expect(module).toMatchObject({ name: 'a.ts', noRun: 'it is a test of its own' });
  });

  test('is not left out without a reason', () => {
    expect(() => codeBlocks('```ts no-check\n?\n```')).toThrow('line 1: no-check needs a reason');
    expect(() => codeBlocks('```ts no-run\n?\n```')).toThrow('line 1: no-run needs a reason');
  });
});

type Kind = 'es' | 'legacy';

/** One program is compiled with one kind of decorators; NestJS has the legacy ones. */
function kindOf(code: string): Kind {
  return code.includes('@mikro-orm/decorators/legacy') ? 'legacy' : 'es';
}

/** The compiler's errors, placed in the documents. */
function compile(folder: string, kind: Kind): Promise<string> {
  const config = {
    extends: join(root, 'tsconfig.base.json'),
    compilerOptions: {
      ...noOutput,
      experimentalDecorators: kind === 'legacy',
      emitDecoratorMetadata: kind === 'legacy',
      erasableSyntaxOnly: kind !== 'legacy',
    },
    include: [`${kind}/**/*.ts`],
  };
  writeFileSync(join(folder, `tsconfig.${kind}.json`), JSON.stringify(config));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  if (!existsSync(join(folder, kind))) return Promise.resolve('');
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [tsc, '-p', `tsconfig.${kind}.json`, '--pretty', 'false'],
      { cwd: folder },
      (_, stdout, stderr) => {
        resolve(`${stdout}${stderr}`.replace(/^(?:es|legacy)\/(.+\.md)\/[^(]+\((\d+),(\d+)\)/gm, '$1:$2:$3'));
      },
    );
  });
}

function markdownFiles(folder: string, recursive: boolean): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.md') && !/node_modules|dist/.test(entry.parentPath))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}
