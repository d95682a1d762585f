import { TenancyError } from '@omnitenant/core';

/**
 * Refuses SQL that is more than one statement, or that would change whose it is: where tenants have roles, that is
 * how injected SQL would leave its tenant's.
 *
 * @throws STATEMENT_REFUSED
 */
export const oneStatement = (sql: string): void => {
  const bare = sql.replace(inert, ' ');
  const [statement = '', ...others] = bare.split(';').map((part) => part.trim());
  const fault = others.some((other) => other !== '')
    ? 'holds more than one statement'
    : changesRole.test(statement)
      ? 'changes the role or tenant'
      : undefined;
  if (!fault) return;
  throw new TenancyError(
    'STATEMENT_REFUSED',
    `SQL that ${fault} is refused where tenants have roles. Send one statement at a time, and leave the role to the scope.`,
  );
};

/** What separates no statements: comments, strings (E'' with backslashes), quoted names, dollar quotes. */
const inert =
  /--[^\n]*|\/\*[\s\S]*?\*\/|\b[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|(?<![\w$])(\$(?:[a-zA-Z_]\w*)?\$)[\s\S]*?\1/g;

const changesRole =
  /^(?:set\s+(?:session\s+|local\s+)?(?:role|session\s+authorization|omnitenant\.tenant)\b|reset\s+(?:role|session\s+authorization|all)\b|discard\s+all\b)/i;
