import type { Tenant } from '@omnitenant/core';
import type { FleetOptions, FleetReport, RolloutGroup } from './fleet-options.ts';
import type { Ledger, LedgerFilter } from './ledger.ts';

/** Tenants of a run that are migrated before those of the next stage. */
export interface Stage {
  readonly includes: (tenant: Tenant) => boolean;
  readonly concurrency: number;
  /** After more failures in the stage than this, the run ends for the reason `stop`. */
  readonly maxFailures: number;
  readonly stop: NonNullable<FleetReport['stopped']>;
  readonly pauseMs: number;
}

/** The stages of a run: its canaries, then its groups, or all tenants. None includes a tenant of an earlier one. */
export async function stagesOf(
  ledger: Ledger,
  selection: LedgerFilter,
  { canary = 0, groups = [{}], concurrency = 4 }: Pick<FleetOptions, 'canary' | 'groups' | 'concurrency'>,
): Promise<readonly Stage[]> {
  const canaries = typeof canary === 'number' ? await ledger.sample(selection, canary) : canary;
  const stages = [
    ...(canaries.length === 0 ? [] : [stageOf({ tenants: canaries, maxFailures: 0 }, 'canary', concurrency)]),
    ...groups.map((group) => stageOf(group, 'failures', concurrency)),
  ];
  return stages.map((stage, n) => ({
    ...stage,
    includes: (tenant) => stage.includes(tenant) && !stages.slice(0, n).some(({ includes }) => includes(tenant)),
  }));
}

function stageOf(group: RolloutGroup, stop: Stage['stop'], usual: number): Stage {
  const { tenants, concurrency = usual, maxFailures = Number.POSITIVE_INFINITY, pauseMs = 0 } = group;
  const includes = (tenant: Tenant) => matches(tenants, tenant.id) && group.where?.(tenant) !== false;
  return { includes, concurrency, maxFailures, stop, pauseMs };
}

function matches(patterns: readonly string[] | undefined, id: string): boolean {
  return patterns?.some((pattern) => expressionOf(pattern).test(id)) ?? true;
}

function expressionOf(pattern: string): RegExp {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[^a-z0-9-]/gi, String.raw`\$&`));
  return new RegExp(`^${parts.join('.*')}$`);
}
