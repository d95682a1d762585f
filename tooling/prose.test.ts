import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from './packages.ts';

const pages = [
  ...globSync(['*.md', 'docs/*.md', 'docs/guide/*.md', 'packages/*/README.md', 'examples/*/README.md'], { cwd: root }),
].toSorted();
const changes = globSync('.changeset/*.md', { cwd: root }).toSorted();
const commands = globSync('packages/cli/src/**/*.ts', { cwd: root }).toSorted();
const entryPoints = globSync('packages/*/src/{index,extend}.ts', { cwd: root }).toSorted();

/** The most words of a sentence. A list in a sentence counts too: make it a list. */
const longest = 45;
/** What fits beside the sidebar and the outline of the site on a laptop. */
const columns = 84;

/** Words that a reader stumbles over, with what to write instead. */
const instead: readonly (readonly [word: RegExp, instead: string])[] = [
  [/\bmend(?:s|ed|ing)?\b/i, 'fix'],
  [/\banew\b/i, 'again'],
  [/\bno more\b(?! than)/i, 'no longer, or: nothing else'],
  [/\bnobody['’]s\b/i, 'belongs to no tenant'],
  [/\bwho(?:so)?ever\b/i, 'anyone who, or name the person'],
  [/\bwhatever else\b/i, 'other'],
  [/\bwhom\b/i, 'who, or name the person'],
  [/\bin the midst\b/i, 'during'],
  [/\bin vain\b/i, 'without success'],
  [/\bfor ever\b/i, 'forever, or a duration'],
  [/\basleep\b/i, 'idle'],
  [/\blets? (?:it|them|him|her|nobody|anybody|somebody|everybody) in\b/i, 'activates, or admits'],
  [/\bat every door\b/i, 'for HTTP, jobs, commands and scripts'],
  [/\b(?:is|are|be) told\b/i, 'gets, receives, or is notified'],
  [/\bleads? to (?:no|a|one|another) tenant\b/i, 'resolves to, or belongs to'],
  [/\bthat (?:is|are) there(?: already)?\b/i, 'existing'],
  [/\b(?:is|are) put right\b/i, 'is fixed'],
  [/\bhas got\b/i, 'has'],
  [/\bshall\b|\bthence\b|\bhence\b|\bupon\b/i, 'a plain word'],
  [/\b(?:bears?|bearing) (?:a|the|its|that)\b/i, 'has'],
  [/\bmay too much\b|\bmay more than\b/i, 'has more privileges than'],
  [/\bso many\b(?! \w+ that)/i, 'this many, or the name of the number'],
  [/\bheld to (?:its|their|the)\b/i, 'tested against, or passes'],
  [/\b(?:tells?|told) of\b/i, 'reports, or publishes'],
  [/\bgo(?:es)? on\b/i, 'continues'],
  [/\bcut (?:short|off)\b/i, 'interrupted, or incomplete'],
  [/\bmade ahead\b|\bready-made\b/i, 'created in advance'],
  [/\b(?:left|leaves?) alone\b/i, 'not changed'],
  [/\bkeeps? (?:\w+ )?apart\b|\bkept apart\b/i, 'separates, or isolates'],
  [/\bwhere (?:it|there|they|nothing|none) (?:is|are)\b/i, 'if it is'],
  [/\b(?:some|every|any)body\b/i, 'someone, everyone, or name the person'],
  [/\boutside of\b/i, 'outside'],
];

describe('the prose of', () => {
  test.each([...pages, ...changes])('%s says it in plain words', (page) => {
    expect(linesOfProse(page).flatMap(({ line, text }) => unclear(text, `${page}:${line}`))).toEqual([]);
  });

  test('the help of the command says it in plain words', () => {
    const help = /\.(?:summary|description|option|argument)\(\s*(?:'[^']*',\s*)?(?:'([^'\n]*)'|"([^"\n]*)"|`([^`]*)`)/g;
    expect(commands.flatMap((file) => [...read(file).matchAll(help)].flatMap(([text]) => unclear(text, file)))).toEqual(
      [],
    );
  });

  test('the comments on exported names say it in plain words', () => {
    const found = entryPoints.flatMap((entry) =>
      [...read(entry).matchAll(/export (?:type )?\{([^}]*)\} from '\.\/([^']*)'/g)].flatMap(
        ([, names = '', file = '']) => {
          const path = join(dirname(entry), file);
          const exported = names.split(',').map((name) => name.replace(/^\s*type |\s+as .*$/g, '').trim());
          return exported.flatMap((name) => unclear(commentOn(name, path), `${path} ${name}`));
        },
      ),
    );
    expect(found).toEqual([]);
  });

  test.each(pages)('%s is in sentences of at most 45 words', (page) => {
    const found = paragraphs(page).flatMap(({ line, text }) =>
      sentences(text)
        .filter((sentence) => sentence.split(' ').length > longest)
        .map((sentence) => `${page}:${line} ${sentence.split(' ').length} words: ${sentence.slice(0, 80)}…`),
    );
    expect(found).toEqual([]);
  });
});

test.each(pages)('the code of %s does not scroll sideways on a laptop', (page) => {
  const wide = fenced(page)
    .filter(({ language, text }) => language !== 'diff' && language !== 'mermaid' && text.length > columns)
    .map(({ line, text }) => `${page}:${line} ${text.length} columns: ${text.trim()}`);
  expect(wide).toEqual([]);
});

/** What is unclear in a text, and what to write instead. */
function unclear(text: string, at: string): string[] {
  return instead.flatMap(([word, better]) => {
    const [said] = word.exec(text) ?? [];
    return said === undefined ? [] : [`${at} says "${said}". Write: ${better}`];
  });
}

/** The comment on a name that a file exports, in one line. */
function commentOn(name: string, path: string): string {
  const declared = new RegExp(`/\\*\\*((?:(?!\\*/)[\\s\\S])*)\\*/\\s*\\nexport [a-z ]*\\b${name}\\b`);
  const [, text = ''] = declared.exec(read(path)) ?? [];
  return text.replaceAll(/\s*\n\s*\*\s*/g, ' ');
}

const read = (file: string) => readFileSync(join(root, file), 'utf8');

interface Line {
  readonly line: number;
  readonly text: string;
  /** The language of the block of code that the line is in. */
  readonly language: string | undefined;
}

function lines(page: string): Line[] {
  let language: string | undefined;
  return read(page)
    .split('\n')
    .flatMap((text, index) => {
      const [, opened] = /^\s*```(\S*)/.exec(text) ?? [];
      if (opened === undefined) return [{ line: index + 1, text, language }];
      language = language === undefined ? opened : undefined;
      return [{ line: index + 1, text: '', language: undefined }];
    });
}

const fenced = (page: string) => lines(page).filter(({ language }) => language !== undefined);

/** Without code, the addresses of links, and the titles of tests, which are quoted as they are. */
const linesOfProse = (page: string) =>
  lines(page)
    .filter(({ language }) => language === undefined)
    .map(({ line, text }) => ({
      line,
      text: text
        .replaceAll(/`[^`]*`/g, 'code')
        .replaceAll(/\[[^\]]*\]\([^)]*\.test\.ts\)/g, '')
        .replaceAll(/\[[^\]]*\]\([^)]*\/testing\/[^)]*\)/g, '')
        .replaceAll(/\]\([^)]*\)/g, ']'),
    }));

/** Texts that stand alone: a paragraph, an item of a list, a cell of a table. */
function paragraphs(page: string): { line: number; text: string }[] {
  const found: { line: number; text: string }[] = [];
  let open = false;
  for (const { line, text } of linesOfProse(page)) {
    const isTable = /^\s*\|/.test(text);
    if (isTable) found.push(...text.split('|').map((cell) => ({ line, text: cell.trim() })));
    else if (open && /^\s*[^\s#>*-]|^\s+\S/.test(text) && !/^\s*(?:[-*]|\d+\.) /.test(text)) {
      const last = found.at(-1);
      if (last) last.text += ` ${text.trim()}`;
    } else found.push({ line, text: text.trim() });
    open = text.trim() !== '' && !isTable;
  }
  return found.filter(({ text }) => text !== '');
}

const sentences = (text: string) => text.split(/(?<=[.!?:;])\)?\s+/);
