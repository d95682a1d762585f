import { maskedCode } from './lexer.ts';
import { quoteName } from './quote.ts';

/** A statement that creates or drops an extension, of which a database has one for all of its schemas. */
export interface ExtensionStatement {
  readonly name: string;
  /** Creates it in a schema, unless the database has it; `undefined` for what drops it. */
  readonly create: ((schema: string) => string) | undefined;
}

/** Reads a statement that creates or drops an extension; `undefined` for any other. */
export function extensionStatement(statement: string): ExtensionStatement | undefined {
  const masked = maskedCode(statement);
  const [head, verb = '', name = ''] = extension.exec(masked) ?? [];
  if (head === undefined) return undefined;
  const rest = statement.slice(head.length);
  const names = /\bschema\b/i.test(masked.slice(head.length));
  return {
    name,
    create:
      verb.toLowerCase() === 'drop'
        ? undefined
        : (schema) => `create extension if not exists ${name}${rest}${names ? '' : `\nschema ${quoteName(schema)}`}`,
  };
}

const extension = /^\s*(create|drop)\s+extension\s+(?:if\s+(?:not\s+)?exists\s+)?("(?:[^"]|"")+"|[\w$\u0080-\uffff]+)/i;

/** SQL for whether an object of a system catalogue was made by an extension. */
export function isOfExtension(catalogue: 'pg_class' | 'pg_proc' | 'pg_operator' | 'pg_type', oid: string): string {
  return `exists (select from pg_depend d where d.classid = '${catalogue}'::regclass and d.objid = ${oid} and d.deptype = 'e')`;
}
