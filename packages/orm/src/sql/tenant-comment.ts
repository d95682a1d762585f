import type { Options } from '@mikro-orm/core';
import { currentScope } from '@omnitenant/core/extend';

/** Has each statement that MikroORM sends end in a comment that names its tenant, as the server's log then does. */
export function withTenantComments(config: Options): Options {
  const { onQuery = (sql: string) => sql } = config;
  return {
    ...config,
    onQuery: (sql, params) => {
      const scope = currentScope();
      const query = onQuery(sql, params);
      // An id holds nothing that could end the comment.
      return scope?.kind === 'tenant' ? `${query} /*tenant='${scope.tenant.id}'*/` : query;
    },
  };
}

/** A statement without that comment. */
export function withoutTenantComment(sql: string): string {
  return sql.endsWith("'*/") ? sql.replace(/ \/\*tenant='[^']*'\*\/$/, '') : sql;
}
