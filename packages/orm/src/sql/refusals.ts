import { TenancyError } from '@omnitenant/core';
import { maskedCode, statementsOf } from './lexer.ts';
import { withoutTenantComment } from './tenant-comment.ts';

/**
 * Refuses SQL that is more than one statement, or that would change whose it is: where tenants have roles, that is how
 * injected SQL would leave its tenant's.
 *
 * @throws STATEMENT_REFUSED
 */
export function oneStatement(sql: string): void {
  const [statement = '', ...others] = statementsOf(sql);
  if (others.length > 0) throw refused('holds more than one statement');
  if (changesOwner(maskedCode(statement).trim()) && !setsOwnVariables(withoutTenantComment(sql)))
    throw refused('could change the role or tenant');
}

function refused(fault: string): TenancyError {
  return new TenancyError(
    'STATEMENT_REFUSED',
    `SQL that ${fault} is refused where tenants have roles. Send one statement at a time, and leave role and tenant to the scope.`,
  );
}

/**
 * A setting's name may be quoted, and comments may stand in between: a statement that sets any of these says its name, unless the
 * name is written in escapes. How texts end may not change either, as statements are told apart by that.
 */
function changesOwner(code: string): boolean {
  return (
    /\bset_config\b|\bu&"/i.test(code) ||
    /^do\b/i.test(code) ||
    (/^(?:set|reset|discard)\b/i.test(code) &&
      /\b(?:role|authorization|tenant|all|standard_conforming_strings)\b/i.test(code))
  );
}

/** Whether it is what MikroORM sends to set the application's own session variables, and nothing else. */
function setsOwnVariables(sql: string): boolean {
  return setVariables.test(sql) && [...sql.matchAll(setVariable)].every(([, name = '']) => !ownerSetting.test(name));
}

const setVariable = /set_config\('([\w.]+)', '(?:[^'\\]|'')*', true\)/g;
const setVariables = new RegExp(`^select ${setVariable.source}(?:, ${setVariable.source})*$`);
const ownerSetting = /^(?:role|session_authorization|standard_conforming_strings|omnitenant\..*)$/i;
