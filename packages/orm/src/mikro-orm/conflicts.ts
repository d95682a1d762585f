import { isRaw, raw, Utils } from '@mikro-orm/core';
import { ColumnNode, IdentifierNode, type OnConflictNode, RawNode } from 'kysely';
import { tenantColumn } from '../placement/shared-tables.ts';

// Where tenants share tables, a unique key begins with the tenant, and so does the conflict that an upsert names.

/** The target of MikroORM's `onConflict` with the tenant in it. One that is not named stays so, and so does a constraint's name. */
export function conflictWithTenant(fields: unknown): unknown {
  if (isRaw(fields)) {
    const sql = fields.sql.replace(/^\s*\(/, `(${tenantColumn}, `);
    return sql === fields.sql ? fields : raw(sql, fields.params as never);
  }
  const named = fields === undefined ? [] : Utils.asArray(fields as string);
  return named.length === 0 ? fields : [tenantColumn, ...named];
}

/** The target of Kysely's `onConflict` with the tenant in it, unless it is there. */
export function conflictNodeWithTenant(node: OnConflictNode): OnConflictNode {
  const { columns = [], indexExpression } = node;
  if (columns.some(({ column }) => column.name === tenantColumn)) return node;
  if (columns.length > 0) return { ...node, columns: [ColumnNode.create(tenantColumn), ...columns] };
  if (!indexExpression) return node;
  const target = RawNode.create(['', ', ', ''], [IdentifierNode.create(tenantColumn), indexExpression]);
  return { ...node, indexExpression: target };
}
