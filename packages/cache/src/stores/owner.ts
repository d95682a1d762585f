import type { ResourceScope } from '@omnitenant/core';
import type { Space } from './cache-store.ts';

/**
 * The space of a scope. A tenant's is named after its id and the time at which it was made, so that one that is made anew
 * under the id of a removed one has nothing of it. An id holds no `@`, so that no two spaces have one name.
 */
export function spaceOf(scope: ResourceScope): Space {
  if (scope.kind === 'central') return { name: 'central' };
  const { id, createdAt } = scope.tenant;
  return { name: `${id}@${createdAt.getTime()}`, tenant: id };
}
