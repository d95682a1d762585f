import { maskedCode, statementsOf } from './lexer.ts';

/** The effect of a migration's statement on tables in use. */
export interface MigrationWarning {
  /** `loss`: rows are lost. `failure`: it fails, or may. `lock`: others wait while it runs. */
  readonly kind: 'loss' | 'failure' | 'lock';
  /** What it does, and what to do instead. */
  readonly message: string;
  /** The statement; `undefined` for what the migration as a whole lacks. */
  readonly statement: string | undefined;
}

/** Reads the SQL of one migration for what loses rows, fails or locks. A table that the migration creates is empty, and used by nobody. */
export function migrationWarnings(
  sql: readonly string[],
  { transactional }: { readonly transactional: boolean },
): readonly MigrationWarning[] {
  const statements = sql.flatMap(statementsOf).map((text) => text.trim());
  const created = new Set<string>();
  const found: MigrationWarning[] = [];
  let locks = false;
  for (const statement of statements) {
    found.push(...warningsIn(statement, created, transactional));
    locks ||= firstName(locking, statement).some((name) => !created.has(name));
    for (const name of firstName(creation, statement)) created.add(name);
  }
  if (!locks || statements.some((statement) => /^set\s.*lock_timeout/is.test(statement))) return found;
  const message = `It waits for all sessions that use the table, and later sessions wait behind it. Begin with: set local lock_timeout to '2s'`;
  return [...found, { kind: 'lock', message, statement: undefined }];
}

type Rule = readonly [pattern: RegExp, kind: MigrationWarning['kind'], message: string];

function warningsIn(statement: string, created: ReadonlySet<string>, transactional: boolean): MigrationWarning[] {
  const code = maskedCode(statement);
  const [, table = '', actions = ''] = alteration.exec(code) ?? [];
  const [on] = [...(table === '' ? firstName(target, code) : [nameOf(table)])];
  if (on !== undefined && created.has(on)) return [];
  const parts = table === '' ? [] : topLevel(actions).flatMap((action) => matching(ofTables, action.trim()));
  const rows = rowChanges(code, created);
  const whole = matching(transactional ? [...ofStatements, ...inTransactions] : ofStatements, code.trim());
  return [...whole, ...parts, ...rows].map(([, kind, message]) => ({ kind, message, statement }));
}

/** A delete or an update of all rows, also inside a `with`. What stands in parentheses of its own says nothing of which rows. */
function rowChanges(code: string, created: ReadonlySet<string>): Rule[] {
  if (!/^\s*(?:with|delete|update|explain)\b/i.test(code)) return [];
  return [...code.matchAll(change)].flatMap(({ index, 0: begin, 1: verb = '', 2: on = '' }) => {
    if (created.has(nameOf(on)) || /\bwhere\b/i.test(ownWords(code, index + begin.length))) return [];
    const isDelete = verb.toLowerCase() !== 'update';
    return [isDelete ? deletesAll : updatesAll];
  });
}

const deletesAll: Rule = [/^/, 'loss', 'It deletes all rows of a table.'];
const updatesAll: Rule = [
  /^/,
  'loss',
  'It changes all rows of a table and locks them, and their former values are lost. Add a where, and change large tables in batches.',
];

/** What follows in the same parentheses, without what stands in further ones. */
function ownWords(code: string, from: number): string {
  let depth = 0;
  let words = '';
  for (const char of code.slice(from)) {
    if (char === '(') depth += 1;
    if (char === ')') depth -= 1;
    if (depth < 0) break;
    if (depth === 0) words += char;
  }
  return words;
}

function matching(rules: readonly Rule[], code: string): readonly Rule[] {
  return rules.filter(([pattern]) => pattern.test(code));
}

/** A name, quoted or not, without its schema. */
const name = String.raw`((?:"(?:[^"]|"")+"|[\w$]+)(?:\s*\.\s*(?:"(?:[^"]|"")+"|[\w$]+))?)`;
const creation = new RegExp(String.raw`^create\s+(?:unlogged\s+)?table\s+(?!if\s+not\s+exists\b)${name}`, 'i');
const alteration = new RegExp(String.raw`^\s*alter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?${name}\s+([\s\S]*)$`, 'i');
const target = new RegExp(
  String.raw`^\s*(?:create\s+(?:unique\s+)?index\b[\s\S]*?\bon\s+(?:only\s+)?|(?:drop\s+table|truncate(?:\s+table)?)\s+(?:if\s+exists\s+)?)${name}`,
  'i',
);
const locking = new RegExp(String.raw`^\s*(?:alter|drop)\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?${name}`, 'i');

const change = new RegExp(
  String.raw`(?<!\b(?:for|on|do|for\s+no\s+key)\s+)\b(delete\s+from|update)\s+(?:only\s+)?(?!set\b|of\b)${name}`,
  'gi',
);

const ofStatements: readonly Rule[] = [
  [/^drop\s+table\b/i, 'loss', 'It drops a table with all of its rows.'],
  [/^truncate\b/i, 'loss', 'It deletes all rows of a table.'],
  [/^drop\s+schema\b/i, 'loss', 'It drops a schema with all that is in it.'],
  [
    /^drop\s+(?:type|domain|extension)\b[\s\S]*\bcascade\b/i,
    'loss',
    'It drops the columns of that type, too, with their values.',
  ],
  [
    /^create\s+(?:unique\s+)?index\s+(?!concurrently\b)/i,
    'lock',
    'Writes to the table wait until the index is built. Use create index concurrently, in a migration whose isTransactional() returns false.',
  ],
  [/^(?:vacuum\s+full|cluster)\b/i, 'lock', 'It rewrites the table, and all sessions that use it wait meanwhile.'],
];

const inTransactions: readonly Rule[] = [
  [
    /^(?:create|drop|reindex)\b[\s\S]*\bconcurrently\b/i,
    'failure',
    'PostgreSQL refuses it in a transaction. Have isTransactional() return false.',
  ],
];

const rewrites = 'PostgreSQL rewrites the table, and all sessions that use it wait meanwhile.';

/** Actions of `alter table`. */
const ofTables: readonly Rule[] = [
  [/^drop\s+(?!constraint\b)/i, 'loss', 'It drops a column with its values, which running code may still read.'],
  [
    /^add\s+(?!constraint\b|primary\b|unique\b|foreign\b|check\b|exclude\b)(?=[\s\S]*\bnot\s+null\b)(?![\s\S]*\b(?:default|identity|generated|serial|bigserial|smallserial)\b)/i,
    'failure',
    'A column that is not null without a default fails where the table has rows. Give it a default, or fill it first and set not null later.',
  ],
  [
    /^add\s[\s\S]*(?:\b(?:small|big)?serial\b|\bidentity\b|\bstored\b|\bdefault\s[\s\S]*(?:random|uuid_generate_|clock_timestamp|nextval))/i,
    'lock',
    `${rewrites} Add the column without the default, and fill it in portions.`,
  ],
  [
    /^alter\s[\s\S]*\btype\s/i,
    'lock',
    `A change of type may lose values, and unless it only widens the old one, ${rewrites}`,
  ],
  [
    /^alter\s[\s\S]*\bset\s+not\s+null\b/i,
    'lock',
    'It reads the whole table, and all sessions that use it wait meanwhile. Add a check constraint as not valid first, and validate it.',
  ],
  [
    /^add\s+(?=[\s\S]*\b(?:foreign\s+key|references|check)\b)(?![\s\S]*\bnot\s+valid\b)/i,
    'lock',
    'It reads the whole table, and writes to it wait meanwhile. Add the constraint as not valid, and validate it in a later migration.',
  ],
  [
    /^add\s+(?=[\s\S]*\b(?:unique|primary\s+key|exclude)\b)(?![\s\S]*\busing\s+index\b)/i,
    'lock',
    'Nobody can use the table until the index is built. Create it concurrently, and add the constraint using index.',
  ],
  [/^rename\b/i, 'failure', 'Code that still runs asks for the old name, and fails until it is replaced.'],
];

function firstName(pattern: RegExp, statement: string): string[] {
  const found = pattern.exec(maskedCode(statement))?.[1];
  return found === undefined ? [] : [nameOf(found)];
}

function nameOf(written: string): string {
  const last = /(?:"(?:[^"]|"")+"|[\w$]+)$/.exec(written)?.[0] ?? written;
  return last.startsWith('"') ? last.slice(1, -1).replaceAll('""', '"') : last.toLowerCase();
}

/** The parts between commas that are in no parentheses. */
function topLevel(code: string): string[] {
  const parts = [''];
  let depth = 0;
  for (const char of code) {
    if (char === '(') depth += 1;
    if (char === ')') depth -= 1;
    if (char === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += char;
  }
  return parts;
}
