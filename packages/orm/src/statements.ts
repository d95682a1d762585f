/** Whether a message may end a transaction before its last statement, or chain another to it: what is cheap to rule out. */
export const mayEndTransaction = (sql: string): boolean => maybeEnd.test(sql) && (sql.includes(';') || chain.test(sql));

/** Whether the statement ends the transaction that it is in. */
export const endsTransaction = (statement: string): boolean => end.test(withoutLead(statement));

/** Whether the statement leaves a new transaction open. */
export const opensTransaction = (statement: string): boolean => {
  const text = withoutLead(statement);
  return begin.test(text) || (end.test(text) && chain.test(text));
};

/** The statements of a message, without their semicolons; those in texts, names, comments and bodies divide nothing. */
export const statementsOf = (sql: string): string[] => {
  // The body of a function in standard SQL has semicolons of its own, and ends no transaction.
  if (/\bbegin\s+atomic\b/i.test(sql)) return [sql];
  const statements: string[] = [];
  let start = 0;
  const scan = new RegExp(marks);
  for (let found = scan.exec(sql); found; found = scan.exec(sql)) {
    if (found[0] === '/*') scan.lastIndex = endOfComment(sql, found.index);
    if (found[0] !== ';') continue;
    statements.push(sql.slice(start, found.index));
    start = scan.lastIndex;
  }
  return [...statements, sql.slice(start)].filter((statement) => withoutLead(statement) !== '');
};

/** The statements of a message, each that ends a transaction followed by the pin, and where the pin's own results are. */
export const repinned = (sql: string, pin: readonly string[]): { statements: string[]; pins: number[] } => {
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
};

const end =
  /^(?:commit|end|rollback|abort|prepare\s+transaction)\b(?!\s+(?:(?:work|transaction)\s+)?(?:prepared|to)\b)/i;
const begin = /^(?:begin|start\s+transaction)\b/i;
const chain = /\band\s+chain\b/i;
/** What may end a transaction. */
export const maybeEnd = /(?:^\s*|[;\n/][^\S\n]*)(?:commit|end|rollback|abort|prepare\s+transaction)\b/i;

/** What a semicolon may stand in: a text, a name, a body, a comment; and semicolons. */
const marks =
  /\b[eE]'(?:[^'\\]+|\\[\s\S]|'')*'|'[^']*'|"[^"]*"|--[^\n]*|(?<![\w$])\$([a-z_]\w*)?\$[\s\S]*?\$\1\$|\/\*|;/gi;

/** Where the block comment that begins there is over. PostgreSQL nests them. */
const endOfComment = (sql: string, start: number): number => {
  const edges = /\/\*|\*\//g;
  edges.lastIndex = start;
  let depth = 0;
  for (let edge = edges.exec(sql); edge; edge = edges.exec(sql)) {
    depth += edge[0] === '/*' ? 1 : -1;
    if (depth === 0) return edges.lastIndex;
  }
  return sql.length;
};

/** A statement without the space and comments before it. */
export const withoutLead = (statement: string): string => {
  const space = /(?:\s+|--[^\n]*)*/y;
  for (let start = 0; ; start = endOfComment(statement, space.lastIndex)) {
    space.lastIndex = start;
    space.exec(statement);
    if (!statement.startsWith('/*', space.lastIndex)) return statement.slice(space.lastIndex).trim();
  }
};
