import { parseIncarnation } from '@omnitenant/core/extend';
import { ownerIn } from './owned-options.ts';

/**
 * The id of the tenant that a job belongs to, or `undefined` if it belongs to central, or was not added by this package.
 * @example
 * queue.on('waiting', (job) => console.log(tenantOf(job)));
 */
export function tenantOf({ opts }: { readonly opts: object }): string | undefined {
  return parseIncarnation(ownerIn(opts) ?? '')?.id;
}
