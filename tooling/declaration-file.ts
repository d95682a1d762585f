import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { withoutComments } from './packages.ts';

/** What one of `tsc`'s declaration files holds. */
export interface DeclarationFile {
  /** Declarations by name, without comments, `export`, `declare` and private members. */
  readonly declared: ReadonlyMap<string, string>;
  /** Imported and re-exported names: the file or package that each comes from, and its name there. */
  readonly from: ReadonlyMap<string, readonly [source: string, name: string]>;
  /** Exported names, with the local name of each. */
  readonly exported: ReadonlyMap<string, string>;
  /** The files of `export * from`. */
  readonly all: readonly string[];
}

export function readDeclarations(file: string): DeclarationFile {
  const declared = new Map<string, string>();
  const from = new Map<string, readonly [string, string]>();
  const exported = new Map<string, string>();
  const all: string[] = [];

  function target(path: string): string {
    return path.startsWith('.') ? join(dirname(file), path.replace(/\.ts$/, '.d.ts')) : path;
  }

  function takeNames(list: string, path: string | undefined, exports: boolean): void {
    for (const item of list.split(',').map((part) => part.trim().replace(/^type /, ''))) {
      const [theirs = '', ours = theirs] = item.split(' as ');
      if (ours === '') continue;
      if (path !== undefined) from.set(ours, [target(path), theirs]);
      if (exports) exported.set(ours, path === undefined ? theirs : ours);
    }
  }

  function takeDeclaration(name: string, statement: string): void {
    declared.set(name, [declared.get(name), plain(statement)].filter((text) => text !== undefined).join('\n'));
    if (statement.startsWith('export')) exported.set(name, name);
    for (const [, path = '', member = ''] of statement.matchAll(/import\(["'](\.[^"']+)["']\)\.(\w+)/g)) {
      from.set(member, [target(path), member]);
    }
  }

  for (const statement of statements(readFileSync(file, 'utf8'))) {
    const [, keyword, list, path] = /^(import|export) (?:type )?\{([^}]*)\}(?: from '([^']+)')?;/.exec(statement) ?? [];
    const star = /^export (?:type )?\* from '([^']+)'/.exec(statement)?.[1];
    const name = /^(?:export )?(?:declare )?(?:abstract )?(?:const|class|function|interface|type) ([\w$]+)/.exec(
      statement,
    )?.[1];
    if (star !== undefined) all.push(target(star));
    else if (list !== undefined) takeNames(list, path, keyword === 'export');
    else if (name !== undefined) takeDeclaration(name, statement);
  }
  return { declared, from, exported, all };
}

/** The statements of a declaration file: a statement ends on a line that ends outside of all brackets. */
function statements(code: string): string[] {
  const found: string[] = [];
  let statement = '';
  for (const line of withoutComments(code).split('\n')) {
    if (line.trim() === '') continue;
    statement += statement === '' ? line : `\n${line}`;
    const brackets = statement.replace(/'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"/g, '').replace(/[^{}()[\]]/g, '');
    const depth = [...brackets].reduce((sum, bracket) => sum + ('{(['.includes(bracket) ? 1 : -1), 0);
    if (depth > 0 || !/[;}]\s*$/.test(line)) continue;
    found.push(statement);
    statement = '';
  }
  return found;
}

function plain(statement: string): string {
  return columnsOnly(statement.replace(/import\(["'][^"']+["']\)\./g, ''))
    .replace(/^(?:export )?(?:declare )?/, '')
    .replace(/^ +(?:private|#private)\b.*\n/gm, '')
    .replace(/[ \t]+$/gm, '')
    .replace(/^( {4})+/gm, (indent) => ' '.repeat(indent.length / 2));
}

/** Of an entity's schema, whose inferred type repeats its builders four times over, the columns and the type of each. */
function columnsOnly(statement: string): string {
  const [, head, properties] =
    /^(.*: EntitySchemaWithMeta<"\w+").*?InferEntityFromProperties<(\{.*?^\}), /ms.exec(statement) ?? [];
  if (head === undefined || properties === undefined) return statement;
  const columns = properties.matchAll(/^ {4}(readonly \w+): .*?OptionsBuilder<(.+?), (?:EmptyOptions|Omit<)/gm);
  return `${head}, {\n${[...columns].map(([, column, type]) => `    ${column}: ${type};\n`).join('')}}>;`;
}
