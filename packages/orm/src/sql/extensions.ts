import { sqlState } from './error-codes.ts';
import { maskedCode } from './lexer.ts';
import { unquoted } from './qualified-names.ts';
import { quoteName, quoteText } from './quote.ts';

/** A statement that creates or drops an extension, of which a database has one for all of its schemas. */
export interface ExtensionStatement {
  readonly name: string;
  /**
   * Creates it in a schema, unless the database has it; `undefined` for what drops it. Fails with `extensionElsewhere` if it has operators and is in
   * another schema.
   */
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
        : (schema) =>
            `create extension if not exists ${name}${rest}${names ? '' : `\nschema ${quoteName(schema)}`};\n${refuseElsewhere(unquoted(name), schema)}`,
  };
}

function refuseElsewhere(name: string, schema: string): string {
  return `do $elsewhere$ declare found text; begin
    select quote_ident(nspname) into found from pg_extension e join pg_namespace n on n.oid = e.extnamespace
     where extname = ${quoteText(name)} and nspname not in (${quoteText(schema)}, 'pg_catalog')
       and exists (select from pg_depend d where d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid
                    and d.classid = 'pg_operator'::regclass and d.deptype = 'e');
    if found is not null then raise exception 'The extension % is in the schema %', ${quoteText(quoteName(name))}, found
      using errcode = '${sqlState.extensionElsewhere}'; end if; end $elsewhere$`;
}

const extension = /^\s*(create|drop)\s+extension\s+(?:if\s+(?:not\s+)?exists\s+)?("(?:[^"]|"")+"|[\w$\u0080-\uffff]+)/i;

/** SQL for whether an object of a system catalogue was made by an extension. */
export function isOfExtension(catalogue: 'pg_class' | 'pg_proc' | 'pg_operator' | 'pg_type', oid: string): string {
  return `exists (select from pg_depend d where d.classid = '${catalogue}'::regclass and d.objid = ${oid} and d.deptype = 'e')`;
}
