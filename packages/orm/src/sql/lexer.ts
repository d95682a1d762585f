/** The statements of a message, without their semicolons; those in texts, names, comments and bodies divide nothing. */
export function statementsOf(sql: string): string[] {
  const statements: string[] = [];
  let start = 0;
  for (const { text, index, end } of marksOf(sql)) {
    if (text !== ';') continue;
    statements.push(sql.slice(start, index));
    start = end;
  }
  return wholeBodies([...statements, sql.slice(start)].filter((statement) => withoutLead(statement) !== ''));
}

/** A statement's keywords and plain names: without its comments, and with nothing in its texts and quoted names. */
export function codeOf(statement: string): string {
  const code: string[] = [];
  let start = 0;
  for (const { text, index, end } of marksOf(statement)) {
    if (text === ';') continue;
    code.push(statement.slice(start, index), blanks[text] ?? "''");
    start = end;
  }
  return [...code, statement.slice(start)].join('').trim();
}

/** The word that a statement begins with, in capitals: what PostgreSQL's tag begins with, for most. */
export function commandOf(statement: string): string {
  return /^[a-z]*/i.exec(withoutLead(statement))?.[0].toUpperCase() ?? '';
}

/** Whether a message begins or ends a transaction anywhere. */
export function controlsTransactions(sql: string): boolean {
  return statementsOf(sql).some((statement) => controls.has(commandOf(statement)));
}

/** Whether a statement ends the transaction that it is sent in and begins no other. */
export function endsTransaction(statement: string): boolean {
  const command = commandOf(statement);
  if (command === 'PREPARE') return preparesTransaction(statement);
  return ends.has(command) && !/\b(?:and\s+chain|to|prepared)\b/i.test(codeOf(statement));
}

/** Whether a statement hands its transaction over to the server, to be ended by another session. */
export function preparesTransaction(statement: string): boolean {
  return commandOf(statement) === 'PREPARE' && /^prepare\s+transaction\b/i.test(codeOf(statement));
}

const ends: ReadonlySet<string> = new Set(['COMMIT', 'END', 'ROLLBACK', 'ABORT']);
const controls: ReadonlySet<string> = new Set([...ends, 'BEGIN', 'START', 'PREPARE']);

const blanks: Readonly<Record<string, string>> = { '"': '""', '--': ' ', '/*': ' ' };

/** The statement with its comments, texts and bodies blanked, so that a position in the one is the same in the other. */
export function maskedCode(statement: string): string {
  const code: string[] = [];
  let start = 0;
  for (const { text, index, end } of marksOf(statement)) {
    if (text === ';' || text === '"') continue;
    code.push(statement.slice(start, index), ' '.repeat(end - index));
    start = end;
  }
  return [...code, statement.slice(start)].join('');
}

/** The body of a function in standard SQL has semicolons of its own, and ends with an `end`. */
function wholeBodies(parts: readonly string[]): string[] {
  const whole: string[] = [];
  let body: string[] = [];
  for (const part of parts) {
    body.push(part);
    if (body.length === 1 ? opensBody(part) : commandOf(part) !== 'END') continue;
    whole.push(body.join(';'));
    body = [];
  }
  return body.length > 0 ? [...whole, body.join(';')] : whole;
}

function opensBody(statement: string): boolean {
  return (
    commandOf(statement) === 'CREATE' &&
    /^create\s+(?:or\s+replace\s+)?(?:function|procedure)\b[\s\S]*\bbegin\s+atomic\b(?!\s+end\b)/i.test(
      codeOf(statement),
    )
  );
}

/** Semicolons, and what one may stand in: a text, a name, a body, a comment. Each is told by how it begins. */
interface Mark {
  readonly text: string;
  readonly index: number;
  readonly end: number;
}

const mark = /[eE]'|'|"|--|\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$|\/\*|;/;
/**
 * An E or a dollar within a name begins nothing. To PostgreSQL, a letter is any character beyond ASCII; names may hold dollars, and
 * bodies are told apart by case.
 */
const marks = new RegExp(String.raw`(?:(?<![\w$\u0080-\uffff])|(?=['"\-/;]))(?:${mark.source})`, 'g');
/** What ends in a dollar is no name where it was a body. */
const next = new RegExp(mark, 'y');

function* marksOf(sql: string): Generator<Mark> {
  for (let found = nextMark(sql, 0); found; found = nextMark(sql, found.end)) yield found;
}

/** The next mark from where another has ended. */
function nextMark(sql: string, start: number): Mark | undefined {
  next.lastIndex = start;
  marks.lastIndex = start;
  const found = (start > 0 && next.exec(sql)) || marks.exec(sql);
  return found ? { text: found[0], index: found.index, end: endOf(sql, found[0], found.index) } : undefined;
}

function endOf(sql: string, mark: string, index: number): number {
  const inside = index + mark.length;
  if (mark === ';') return inside;
  if (mark === '/*') return endOfComment(sql, index);
  if (mark === '--') return after(sql, /[\n\r]/g, inside);
  if (/^e'/i.test(mark)) return endOfEscaped(sql, inside);
  let closed = sql.indexOf(mark, inside);
  // A quote in a text or name is written twice.
  while (closed !== -1 && mark.length === 1 && sql[closed + 1] === mark) closed = sql.indexOf(mark, closed + 2);
  return closed === -1 ? sql.length : closed + mark.length;
}

function after(sql: string, what: RegExp, start: number): number {
  what.lastIndex = start;
  return what.exec(sql) ? what.lastIndex : sql.length;
}

/** A text with escapes goes on in a further text on a later line. */
function endOfEscaped(sql: string, start: number): number {
  const parts = /\\[\s\S]|''|'/g;
  const further = /(?:[ \t\f\v]|--[^\n\r]*(?=[\n\r]))*[\n\r](?:[ \t\n\r\f\v]|--[^\n\r]*[\n\r])*'/y;
  parts.lastIndex = start;
  for (let part = parts.exec(sql); part; part = parts.exec(sql)) {
    if (part[0] !== "'") continue;
    further.lastIndex = parts.lastIndex;
    if (!further.test(sql)) return parts.lastIndex;
    parts.lastIndex = further.lastIndex;
  }
  return sql.length;
}

/** Where the block comment that begins there is over. PostgreSQL nests them. */
function endOfComment(sql: string, start: number): number {
  const edges = /\/\*|\*\//g;
  edges.lastIndex = start;
  let depth = 0;
  for (let edge = edges.exec(sql); edge; edge = edges.exec(sql)) {
    depth += edge[0] === '/*' ? 1 : -1;
    if (depth === 0) return edges.lastIndex;
  }
  return sql.length;
}

/** A statement without the space and comments before it. */
function withoutLead(statement: string): string {
  const space = /(?:\s|--[^\n\r]*)*/y;
  for (let start = 0; ; start = endOfComment(statement, space.lastIndex)) {
    space.lastIndex = start;
    space.exec(statement);
    if (!statement.startsWith('/*', space.lastIndex)) return statement.slice(space.lastIndex).trim();
  }
}
