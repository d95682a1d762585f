/** Whether a message may end a transaction before its last statement, or chain another to it: what is cheap to rule out. */
export function mayEndTransaction(sql: string): boolean {
  return maybeEnd.test(sql) && (sql.includes(';') || chain.test(sql));
}

/** Whether the statement ends the transaction that it is in. */
export function endsTransaction(statement: string): boolean {
  return end.test(withoutLead(statement));
}

/** Whether the statement leaves a new transaction open. */
export function opensTransaction(statement: string): boolean {
  const text = withoutLead(statement);
  return begin.test(text) || (end.test(text) && chain.test(text));
}

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

/** A statement's keywords and names: without its comments, and with nothing in its texts. */
export function codeOf(statement: string): string {
  const code: string[] = [];
  let start = 0;
  for (const { text, index, end } of marksOf(statement)) {
    if (text === ';' || text === '"') continue;
    code.push(statement.slice(start, index), text === '--' || text === '/*' ? ' ' : "''");
    start = end;
  }
  return [...code, statement.slice(start)].join('').trim();
}

/** The body of a function in standard SQL has semicolons of its own, and its `end` ends no transaction. */
function wholeBodies(parts: readonly string[]): string[] {
  const whole: string[] = [];
  let body: string[] = [];
  for (const part of parts) {
    body.push(part);
    if (body.length === 1 ? opensBody(part) : !/^end\b/i.test(withoutLead(part))) continue;
    whole.push(body.join(';'));
    body = [];
  }
  return body.length > 0 ? [...whole, body.join(';')] : whole;
}

function opensBody(statement: string): boolean {
  return (
    /\batomic\b/i.test(statement) &&
    /^create\s+(?:or\s+replace\s+)?(?:function|procedure)\b[\s\S]*\bbegin\s+atomic\b(?!\s+end\b)/i.test(
      codeOf(statement),
    )
  );
}

/** The statements of a message, each that ends a transaction followed by the pin, and where the pin's own results are. */
export function repinned(sql: string, pin: readonly string[]): { statements: string[]; pins: number[] } {
  const statements: string[] = [];
  const pins: number[] = [];
  const theirs = statementsOf(sql);
  for (const [n, statement] of theirs.entries()) {
    statements.push(statement);
    const goesOn = n < theirs.length - 1 || opensTransaction(statement);
    if (!endsTransaction(statement) || !goesOn) continue;
    for (const part of pin) pins.push(statements.push(part) - 1);
  }
  return { statements, pins };
}

const end =
  /^(?:commit|end|rollback|abort|prepare\s+transaction)\b(?!\s+(?:(?:work|transaction)\s+)?(?:prepared|to)\b)/i;
const begin = /^(?:begin|start\s+transaction)\b/i;
const chain = /\band\s+chain\b/i;
/** What may end a transaction. */
export const maybeEnd = /(?:^\s*|[;\n\r/][^\S\n\r]*)(?:commit|end|rollback|abort|prepare\s+transaction)\b/i;

/** A message that begins a transaction, and does nothing else. */
export const beginMessage = /^\s*(?:begin|start\s+transaction)\b[^;]*;?\s*$/i;
/** A message that ends the transaction, and does nothing else. */
export const endMessage = /^\s*(?:commit|rollback)\s*;?\s*$/i;

/** Semicolons, and what one may stand in: a text, a name, a body, a comment. Each is told by how it begins. */
interface Mark {
  readonly text: string;
  readonly index: number;
  readonly end: number;
}

/** To PostgreSQL, a letter is any character beyond ASCII; names may hold dollars, and bodies are told apart by case. */
const marks =
  /(?<![\w$\u0080-\uffff])[eE]'|'|"|--|(?<![\w$\u0080-\uffff])\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$|\/\*|;/g;

function* marksOf(sql: string): Generator<Mark> {
  const scan = new RegExp(marks);
  for (let found = scan.exec(sql); found; found = scan.exec(sql)) {
    const [text] = found;
    const end = endOf(sql, text, found.index);
    yield { text, index: found.index, end };
    scan.lastIndex = end;
  }
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
