import { TenancyError } from '../errors/errors.ts';
import { quoted } from '../errors/quoted.ts';
import { type Domain, parseDomain } from './domain.ts';
import { isStorableText } from './storable-text.ts';
import type { DomainInput, Placement, Tenant, TenantChange, TenantDraft, TenantInput } from './tenant.ts';
import { parseTenantId } from './tenant.ts';

/** A valid tenant input that has not been placed yet. */
export interface ParsedTenantInput<T extends Tenant> {
  readonly draft: Omit<TenantDraft<T>, 'isolation' | 'placement'> & { readonly id: string };
  readonly isolation?: string | undefined;
  readonly placement?: Placement | undefined;
  readonly domains: readonly Domain[];
}

const notInput = ['status', 'retainUntil', 'createdAt', 'updatedAt'];
const notChange = ['id', 'isolation', 'createdAt', 'updatedAt'];

/**
 * Validates the input of a new tenant.
 * @throws TENANT_INVALID and DOMAIN_INVALID.
 */
export function parseTenantInput<T extends Tenant>(
  input: TenantInput<T>,
  reservedIds: ReadonlySet<string>,
): ParsedTenantInput<T> {
  if (!isPlain(input)) throw new TenancyError('TENANT_INVALID', 'Creating a tenant requires an object with an id.');
  const { id: given, name = given, isolation, placement, config = {}, domains = [], ...own } = input;
  const id = parseTenantId(given);
  if (reservedIds.has(id)) throw invalid(id, 'its id is reserved; choose another');
  refuseKeys(id, input, notInput);
  checkName(id, name);
  checkConfig(id, config);
  if (isolation !== undefined && typeof isolation !== 'string') throw invalid(id, 'its isolation must be a string');
  if (placement !== undefined) checkPlacement(id, placement);
  return {
    draft: { ...own, id, name, status: 'provisioning', config } as ParsedTenantInput<T>['draft'],
    isolation,
    placement,
    domains: parseDomains(id, domains),
  };
}

/**
 * The change itself, if every store can make it.
 * @throws TENANT_INVALID if it names a column that never changes, or has the wrong shape.
 */
export function parseTenantChange<T extends Tenant>(id: string, change: TenantChange<T>): TenantChange<T> {
  if (!isPlain(change)) throw invalid(id, 'a change must be an object');
  refuseKeys(id, change, notChange);
  if ('name' in change) checkName(id, change.name);
  if ('config' in change) checkConfig(id, change.config);
  if ('placement' in change) checkPlacement(id, change.placement);
  return change;
}

function parseDomains(tenantId: string, inputs: unknown): readonly Domain[] {
  if (!Array.isArray(inputs)) throw invalid(tenantId, 'its domains must be an array');
  const domains = inputs.map((input: DomainInput): Domain => {
    const { host, primary = false } = typeof input === 'string' ? { host: input } : (input ?? {});
    return { host: parseDomain(host), tenantId, primary };
  });
  if (new Set(domains.map(({ host }) => host)).size < domains.length)
    throw invalid(tenantId, 'it names a domain twice');
  if (domains.filter(({ primary }) => primary).length > 1) throw invalid(tenantId, 'only one domain can be primary');
  return domains;
}

function refuseKeys(id: string, value: object, keys: readonly string[]): void {
  const found = keys.find((key) => key in value);
  if (found !== undefined) throw invalid(id, `"${found}" cannot be given`);
}

function checkName(id: string, name: unknown): void {
  if (!isStorableText(name) || name.trim() === '' || name.length > 255) {
    throw invalid(id, 'its name must be a text of 1 to 255 characters, without U+0000');
  }
}

function checkPlacement(id: string, placement: unknown): void {
  if (!isPlain(placement) || !Object.values(placement).every(isStorableText)) {
    throw invalid(id, 'its placement must be an object of texts without U+0000');
  }
}

function checkConfig(id: string, config: unknown): void {
  if (!isPlain(config) || !isJson(config)) {
    throw invalid(
      id,
      `its config must be an object of JSON values, with texts without U+0000, of at most ${deepest} levels and without cycles`,
    );
  }
}

/** How deep a config may be nested. What contains itself is deeper. */
const deepest = 100;

function isJson(value: unknown, depth = 0): boolean {
  if (depth > deepest) return false;
  if (value === null || typeof value === 'boolean') return true;
  if (typeof value === 'string') return isStorableText(value);
  if (typeof value === 'number') return Number.isFinite(value);
  if (Array.isArray(value)) return value.every((held) => isJson(held, depth + 1));
  return (
    isPlain(value) && Object.entries(value).every(([name, held]) => isStorableText(name) && isJson(held, depth + 1))
  );
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function invalid(id: string, why: string): TenancyError {
  return new TenancyError('TENANT_INVALID', `Tenant ${quoted(id)} is not valid: ${why}.`, { tenant: id });
}
