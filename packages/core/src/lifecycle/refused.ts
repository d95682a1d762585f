import { TenancyError } from '../errors/errors.ts';
import type { RefusedVerb, ResourceVerbs } from '../resource.ts';

const subjects: Readonly<Record<RefusedVerb, string>> = {
  adopt: 'cannot adopt storage',
  release: 'cannot be removed with its storage kept',
  move: 'cannot be moved',
  anonymise: 'cannot be exported anonymised',
};

/** @throws TRANSITION_REFUSED if a resource cannot do this, with what it says to do instead. */
export function requireSupport(resources: readonly ResourceVerbs[], verb: RefusedVerb, tenant: string): void {
  for (const { refused } of resources) {
    const instead = refused?.[verb];
    if (instead === undefined) continue;
    throw new TenancyError('TRANSITION_REFUSED', `Tenant "${tenant}" ${subjects[verb]}: ${instead}`, { tenant });
  }
}
