import { maskedCode } from './lexer.ts';

/** A name with a qualifier. A text alone does not tell `schema.table` from `alias.column`. */
export interface QualifiedName {
  readonly qualifier: string;
  readonly name: string;
  /** Whether it is called, as a function is. */
  readonly isCall: boolean;
  /** Whether it follows a word that only a table, or the like, can follow. */
  readonly isRelation: boolean;
}

/**
 * The qualified names in SQL, those in bodies of functions and of `do` included. A name in an ordinary text, as dynamic SQL has it, is
 * not found.
 */
export function qualifiedNames(sql: string): QualifiedName[] {
  const masked = maskedCode(sql);
  const own = [...masked.matchAll(qualified)].map(({ index, 1: qualifier = '', 2: name = '', 3: call }) => ({
    qualifier: unquoted(qualifier),
    name: unquoted(name),
    isCall: call !== undefined,
    isRelation: beforeRelation.test(masked.slice(Math.max(0, index - 40), index)),
    isType: beforeType.test(masked.slice(Math.max(0, index - 40), index)),
  }));
  const bodies = [...sql.matchAll(body)].flatMap(([, , text = '']) => qualifiedNames(text));
  return [...own.filter(({ isType }) => !isType), ...bodies];
}

const name = String.raw`(?:"(?:[^"]|"")+"|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)`;
// The name after the dot may be the qualifier of another one: only the first is consumed.
const qualified = new RegExp(String.raw`(?<![\w$"\u0080-\uffff])(${name})(?=\s*\.\s*(${name}|\*)(\s*\()?)`, 'g');
const body = /(\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$)([\s\S]*?)\1/g;
const beforeRelation =
  /\b(?:table|into|update|join|references|only|exists|truncate|sequence|view|type|index|schema)\s+$/i;
/** A type or a collation holds nothing of a tenant. */
const beforeType = /(?:::\s*|\bcollate\s+)$/i;

export function unquoted(part: string): string {
  return part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part.toLowerCase();
}
