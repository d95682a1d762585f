import type { StoredTenant } from '../../central/stored-tenant.ts';
import { placementOf, sharesTables } from '../../placement/placement.ts';
import type { Ledger } from '../ledger.ts';
import type { MigrateTarget } from '../migrate-target.ts';
import type { MigrationSet } from '../migration-set.ts';
import { tenantTarget } from '../migration-target.ts';
import { fakeTo } from '../operation.ts';
import { versionOf } from '../version.ts';
import { examine, type Finding } from './examine.ts';
import { inParallel } from './in-parallel.ts';
import { type ReferenceParts, referencesWith } from './reference.ts';
import type { VerifiedGroup, VerifyOptions, VerifyReport } from './verify-options.ts';

/** What a fleet is verified with. */
export interface VerifyParts extends ReferenceParts {
  readonly ledger: Ledger;
  readonly set: MigrationSet;
  readonly migrateTarget: MigrateTarget;
}

/** Compares each tenant with what its migrations make, and central's record with the tenant's log. */
export async function verifyFleet(
  parts: VerifyParts,
  { tenants, fix = false, concurrency = 4 }: VerifyOptions,
): Promise<VerifyReport> {
  const units = await unitsOf(parts.ledger, tenants);
  const examiner = { ...parts, references: referencesWith(parts) };
  const servers = [...Map.groupBy(units, ([first]) => serverOf(first)).values()];
  const findings = await inParallel(servers, servers.length, (own) =>
    inParallel(own, concurrency, (unit) => examine(examiner, unit)),
  );
  const all = findings.flat(2);
  const fixed = fix ? await fixAll(parts, all, concurrency) : new Set<Finding>();
  return reportOf(all, fixed);
}

/** The tenants that are examined together: those of a database, of which there are one or many, and those of shared tables. */
async function unitsOf(
  ledger: Ledger,
  tenants: readonly string[] | undefined,
): Promise<readonly (readonly [StoredTenant, ...StoredTenant[]])[]> {
  const units = new Map<string, [StoredTenant, ...StoredTenant[]]>();
  for await (const stored of ledger.tenants({ tenants })) {
    const { server, url, database, schema } = placementOf(stored.tenant);
    const key = JSON.stringify([server, url, database, sharesTables(stored.tenant) && schema]);
    const unit = units.get(key);
    if (unit) unit.push(stored);
    else units.set(key, [stored]);
  }
  return [...units.values()];
}

function serverOf({ tenant }: StoredTenant): string {
  const { server, url } = placementOf(tenant);
  return url ?? server;
}

/** What is put right: records of central, and logs whose names the code does not have, where the tables prove that nothing is pending. */
async function fixAll(
  { ledger, set, migrateTarget }: VerifyParts,
  findings: readonly Finding[],
  concurrency: number,
): Promise<ReadonlySet<Finding>> {
  const renamed = findings.filter(({ problem }) => problem === 'renamed');
  await inParallel(renamed, concurrency, async ({ stored: { tenant } }) => {
    const { applied } = await migrateTarget(tenantTarget(tenant), fakeTo(set.names, undefined, true));
    await ledger.record([tenant], versionOf(applied));
  });
  // The record of a tenant whose tables differ has to be right as well, or the next migration would start from another one.
  const unrecorded = findings.filter(
    ({ problem, applied, stored }) =>
      (problem === 'unrecorded' || problem === 'differs') && applied && stored.version !== versionOf(applied),
  );
  for (const [version, those] of Map.groupBy(unrecorded, ({ applied = [] }) => versionOf(applied))) {
    await ledger.record(
      those.map(({ stored }) => stored.tenant),
      version,
    );
  }
  return new Set([...renamed, ...unrecorded.filter(({ problem }) => problem === 'unrecorded')]);
}

function reportOf(findings: readonly Finding[], fixed: ReadonlySet<Finding>): VerifyReport {
  const odd = findings.filter(({ problem }) => problem !== undefined);
  const groups = Map.groupBy(odd, ({ problem, message, differences }) =>
    JSON.stringify([problem, message, differences]),
  );
  return {
    well: findings.length - odd.length,
    groups: [...groups.values()]
      .map((group) => groupOf(group, fixed))
      .toSorted((a, b) => b.tenants.length - a.tenants.length),
  };
}

function groupOf(group: readonly Finding[], fixed: ReadonlySet<Finding>): VerifiedGroup {
  const [first] = group as [Required<Finding>];
  return {
    problem: first.problem,
    message: first.message,
    differences: first.differences ?? [],
    tenants: group.map(({ stored }) => stored.tenant.id).toSorted(),
    fixed: group.every((finding) => fixed.has(finding)),
  };
}
