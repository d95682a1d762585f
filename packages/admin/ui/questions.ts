import type { DomainClaim } from '../src/schemas/domain.ts';
import type { TenantDetail } from '../src/schemas/tenant.ts';
import { send } from './api.ts';
import { change, given, placed, reason, target } from './change.ts';
import type { Field, Question } from './parts/dialog.tsx';

export const newTenant: Question = {
  title: 'New tenant',
  says: 'Creates its storage, applies all migrations, and activates it. If a step fails, the steps before it are undone.',
  button: 'Create',
  fields: [
    { name: 'id', label: 'Id', hint: 'Lower-case letters, digits and hyphens. It never changes.' },
    { name: 'name', label: 'Name', optional: true },
    { name: 'isolation', label: 'Isolation', choices: ['schema', 'database', 'row'] },
    reason,
  ],
  run: (values) => change('POST', 'tenants', given(values)),
};

const hostField: Field = { name: 'host', label: 'Host', hint: 'Such as tracker.acme.com' };

export const newDomain = ({ id, name, etag }: TenantDetail): Question => ({
  title: `Add a domain to ${name}`,
  says: 'Requests to this host lead to the tenant from then on.',
  button: 'Add',
  fields: [hostField, reason],
  run: (values) => change('POST', `tenants/${id}/domains`, given(values), etag),
});

export const removeDomain = ({ id, name, etag }: TenantDetail, host: string): Question => ({
  title: `Remove ${host}`,
  says: `Requests to this host no longer lead to ${name}.`,
  button: 'Remove',
  fields: [reason],
  run: (values) => change('DELETE', `tenants/${id}/domains/${host}`, given(values), etag),
});

export const claimDomain = ({ id, name }: TenantDetail): Question => ({
  title: `Claim a domain for ${name}`,
  says: 'Gives a DNS record for its owner to publish. Once it is found there, the host leads to the tenant.',
  button: 'Claim',
  fields: [hostField, reason],
  run: (values) => change('POST', `tenants/${id}/domain-claims`, given(values)),
});

/** Why DNS does not prove a domain. */
export const problems: Readonly<Record<NonNullable<DomainClaim['problem']>, string>> = {
  missing: 'DNS does not have the record.',
  different: 'DNS has a record with another value.',
  unanswered: 'The DNS servers of the domain do not answer.',
};

/** The dialog stays open, and says why, where the record is not found. */
export const verifyDomain = ({ id }: TenantDetail, host: string): Question => ({
  title: `Verify ${host}`,
  says: 'Asks DNS for the record now.',
  button: 'Verify',
  fields: [reason],
  async run(values) {
    const path = `tenants/${id}/domain-claims/${host}/verify`;
    const { problem } = await send<DomainClaim>('POST', path, given(values));
    if (problem) throw new Error(problems[problem]);
  },
});

export const releaseDomain = ({ id, name }: TenantDetail, host: string): Question => ({
  title: `Release ${host}`,
  says: `${name} gives up its claim. The next one has another record.`,
  button: 'Release',
  fields: [reason],
  run: (values) => change('DELETE', `tenants/${id}/domain-claims/${host}`, given(values)),
});

/** What decides whose data a tenant is shown is confirmed like what destroys. */
const confirmed: Field = { name: 'confirm', label: 'The id again', hint: 'The tenant’s users will see what is in it.' };

export const adoption: Question = {
  title: 'Adopt storage',
  says: 'Creates a tenant from a schema or database that exists and that no tenant has. Its users see what is in there.',
  button: 'Adopt',
  isDangerous: true,
  fields: [
    { name: 'id', label: 'Id' },
    { name: 'name', label: 'Name', optional: true },
    ...target,
    { name: 'at', label: 'Last migration', hint: 'That the storage has already. Empty: none.', optional: true },
    reason,
    confirmed,
  ],
  run: (values) => change('POST', 'adoptions', placed(given(values))),
};

export const importing: Question = {
  title: 'Import archive',
  says: 'Creates a tenant with everything that is in an archive, and migrates it: all of it or nothing.',
  button: 'Import',
  isDangerous: true,
  fields: [
    { name: 'archive', label: 'Archive', hint: 'Its name, as the report of the export has it.' },
    { name: 'id', label: 'Id' },
    ...target,
    reason,
    confirmed,
  ],
  run: (values) => change('POST', 'imports', placed(given(values))),
};
