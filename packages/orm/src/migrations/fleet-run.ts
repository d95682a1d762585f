import { isTenancyError, TenancyError, type Tenant } from '@omnitenant/core';
import type { StoredTenant } from '../central/stored-tenant.ts';
import type { OrmStats } from '../connections/pool-stats.ts';
import { sharesTables } from '../placement/placement.ts';
import { recordedReason, summaryOf, withSummary } from './failure-summary.ts';
import { createFleetLeases, type FleetLeases } from './fleet-leases.ts';
import type { Fleet, FleetFailure, FleetOptions, FleetReport, RunProgress } from './fleet-options.ts';
import type { LedgerFilter } from './ledger.ts';
import type { Migrated } from './migrate-target.ts';
import { tenantTarget } from './migration-target.ts';
import type { Operation } from './operation.ts';
import type { Stage } from './rollout.ts';
import { settleAll } from './settle-all.ts';
import { versionOf } from './version.ts';
import { createVersionBatch, type VersionBatch } from './version-batch.ts';

/** For how long what was read of a tenant is believed, in milliseconds. */
const freshMs = 1_000;

/** A worker takes the leases of several tenants at once where it is done with all of them in so many milliseconds. */
const atOnceMs = 50;
const atOnceMax = 16;

/** One run over a fleet: what is counted, and why it stopped. */
export class FleetRun implements RunProgress {
  /** How many tenants were started. */
  started = 0;
  readonly #fleet: Fleet;
  readonly #operation: Operation;
  readonly #selection: LedgerFilter;
  readonly #options: Pick<FleetOptions, 'maxFailures' | 'signal' | 'onProgress'>;
  readonly #versions: VersionBatch;
  readonly #leases: FleetLeases;
  readonly #counts = { migrated: 0, upToDate: 0, ahead: 0, removed: 0 };
  /** By the error, which tenants that share tables have in common. */
  readonly #failed = new Map<TenancyError, string[]>();
  /** How many failures there were before the present stage. */
  #failedBefore = 0;
  #stage: Pick<Stage, 'maxFailures' | 'stop'> = { maxFailures: Number.POSITIVE_INFINITY, stop: 'failures' };
  /** Whether schemas that tenants share may be migrated. */
  readonly #asked = new Map<string, Promise<void>>();
  /** The migrations of schemas that tenants share, each of which runs once for all of its tenants. */
  readonly #shared = new Map<string, Promise<Migrated>>();
  #total: number | undefined;
  /** How long a tenant took lately, in milliseconds. */
  #pace = Number.POSITIVE_INFINITY;
  #stopped: FleetReport['stopped'];

  constructor(
    fleet: Fleet,
    operation: Operation,
    selection: LedgerFilter,
    options: Pick<FleetOptions, 'maxFailures' | 'signal' | 'onProgress'>,
  ) {
    this.#fleet = fleet;
    this.#operation = operation;
    this.#selection = selection;
    this.#options = options;
    this.#versions = createVersionBatch(fleet.ledger);
    this.#leases = createFleetLeases(fleet.leases, fleet.ledger, fleet.verbs);
  }

  /** Begins the stage whose tenants are drained next. */
  begin(stage: Stage): void {
    this.#stage = stage;
    this.#failedBefore = this.#failed.size;
  }

  /** Migrates the tenants of a stream with several workers. They share it, and read no more than they begin with at once. */
  async drain(stream: AsyncIterator<StoredTenant>, workers: number): Promise<void> {
    let reading: Promise<unknown> = Promise.resolve();
    const read = async (): Promise<readonly StoredTenant[]> => {
      const few: StoredTenant[] = [];
      for (let most = this.#atOnce(); few.length < most && !this.isStopped(); ) {
        const { done, value } = await stream.next();
        if (done) break;
        few.push(value);
        this.#total ??= await this.#fleet.ledger.count(this.#selection);
      }
      return few;
    };
    function next(): Promise<readonly StoredTenant[]> {
      const result = reading.then(read);
      reading = result.catch(() => {});
      return result;
    }
    const work = async (): Promise<void> => {
      for (let few = await next(); few.length > 0; few = await next()) {
        this.#leases.expect(few.map(({ tenant }) => tenant));
        for (const stored of few) {
          if (this.isStopped()) return;
          this.started += 1;
          await this.#process(stored);
        }
      }
    };
    await settleAll(Array.from({ length: workers }, work));
  }

  /** Handlers that are asked about a tenant may use its verbs, which wait for its lease. */
  #atOnce(): number {
    if (this.#fleet.tenancies.some(({ asks }) => asks)) return 1;
    return Math.max(1, Math.min(atOnceMax, Math.floor(atOnceMs / this.#pace)));
  }

  /** Writes the versions that are still queued, and gives back what is still leased. */
  async end(): Promise<void> {
    try {
      await this.#versions.flush();
    } finally {
      await this.#leases.end();
    }
  }

  report(): FleetReport {
    const failed: readonly FleetFailure[] = [...this.#failed].map(([error, tenants]) => ({
      tenant: tenants[0] as string,
      tenants,
      error,
      summary: summaryOf(error),
    }));
    const total = Math.max(this.#total ?? 0, this.started);
    const { ahead, removed, ...counts } = this.#counts;
    return {
      total,
      ...counts,
      ...(ahead > 0 && { ahead }),
      ...(removed > 0 && { removed }),
      failed,
      remaining: total - this.started,
      ...(this.#stopped && { stopped: this.#stopped }),
    };
  }

  /** Whether no more tenants may be started. */
  isStopped(): boolean {
    const { signal, maxFailures = Number.POSITIVE_INFINITY } = this.#options;
    if (signal?.aborted) this.#stopped ??= 'signal';
    else if (this.#failed.size - this.#failedBefore > this.#stage.maxFailures) this.#stopped ??= this.#stage.stop;
    else if (this.#failed.size > maxFailures) this.#stopped ??= 'failures';
    return this.#stopped !== undefined;
  }

  async #process(stored: StoredTenant): Promise<void> {
    const { tenant } = stored;
    const { id } = tenant;
    const startedAt = performance.now();
    const outcome: { migrated?: Migrated } = {};
    let error: TenancyError | undefined;
    try {
      await this.#underLease(stored, async () => {
        outcome.migrated = await this.#migrate(stored);
        const confirm = () => this.#leases.confirm(id);
        for (const tenancy of this.#fleet.tenancies) await tenancy.migrateOthers(tenant, confirm);
      });
      if (outcome.migrated) for (const tenancy of this.#fleet.tenancies) await tenancy.migrated(tenant);
    } catch (thrown) {
      error = await this.#failureOf(tenant, thrown);
    }
    const { migrated } = outcome;
    if (migrated) await this.#versions.add(tenant, versionOf(migrated.applied));
    const migrations = migrated?.steps.map(({ name }) => name) ?? [];
    if (error) this.#failed.set(error, [...(this.#failed.get(error) ?? []), id]);
    else this.#counts[outcomeOf(migrated)] += 1;
    const milliseconds = performance.now() - startedAt;
    this.#pace = Number.isFinite(this.#pace) ? (3 * this.#pace + milliseconds) / 4 : milliseconds;
    this.#options.onProgress?.({ tenant: id, migrations, error, milliseconds, ...this.progress() });
  }

  progress(): OrmStats['fleet'] {
    const failed = [...this.#failed.values()].reduce((count, tenants) => count + tenants.length, 0);
    const done = Object.values(this.#counts).reduce((sum, count) => sum + count, failed);
    return { total: this.#total ?? done, done, failed };
  }

  /**
   * Works on a tenant under its lease, unless it was removed: verbs of one tenant wait for it, in all processes, and it waits for them.
   * Handlers are asked before, so that they may use the registry; of what was read a while ago, nobody is asked in vain.
   */
  async #underLease(stored: StoredTenant, work: () => Promise<void>): Promise<void> {
    const { tenant, readAt } = stored;
    const isFresh = performance.now() - readAt < freshMs;
    if (!isFresh && !(await this.#fleet.ledger.has(tenant))) return;
    await this.#ask(tenant);
    if (!(await this.#leases.take(tenant))) return;
    try {
      await work();
    } finally {
      this.#leases.release(tenant.id);
    }
  }

  /** The failure to report. A tenant that was removed during the run has nothing left to migrate. */
  async #failureOf(tenant: Tenant, thrown: unknown): Promise<TenancyError | undefined> {
    if (!(await this.#fleet.ledger.has(tenant))) return undefined;
    const error = migrateFailure(thrown, tenant.id);
    for (const tenancy of this.#fleet.tenancies) await tenancy.failed(tenant, error);
    return error;
  }

  /** Asks whether a tenant may be migrated; of tenants that share tables, all are asked once, before the first. */
  async #ask(tenant: Tenant): Promise<void> {
    if (!sharesTables(tenant)) {
      for (const tenancy of this.#fleet.tenancies) await tenancy.migrating(tenant);
      return;
    }
    const key = sharedKeyOf(tenant);
    const asked = this.#asked.get(key) ?? this.#refusePart(tenant).then(() => this.#askSharing(tenant));
    this.#asked.set(key, asked);
    await asked;
  }

  async #migrate({ tenant, version }: StoredTenant): Promise<Migrated> {
    const { set, migrateTarget } = this.#fleet;
    const known = version === undefined ? undefined : set.appliedAt(version);
    const migrate = () => migrateTarget(tenantTarget(tenant), this.#operation, known);
    if (!sharesTables(tenant)) return migrate();
    const key = sharedKeyOf(tenant);
    const migrated = this.#shared.get(key) ?? migrate();
    this.#shared.set(key, migrated);
    return migrated;
  }

  /**
   * Tenants that share tables are migrated together, so a run that was to be about some of them is about none.
   *
   * @throws MIGRATE_FAILED
   */
  async #refusePart({ id, placement }: Tenant): Promise<void> {
    const { tenants, skip } = this.#selection;
    if (tenants === undefined && skip === undefined) return;
    const { server = '', database = '', schema = '' } = placement;
    const sharing = { server, database, schema };
    const { ledger } = this.#fleet;
    const others = (await ledger.count({ sharing })) - (await ledger.count({ sharing, tenants, skip }));
    if (others === 0) return;
    throw new TenancyError(
      'MIGRATE_FAILED',
      `Tenant "${id}" shares the tables of the schema "${schema}" with ${others} tenants that were not named, and all of them are migrated ` +
        'together. Name all of them, or no tenant.',
      { tenant: id },
    );
  }

  /** Tenants that share tables are asked before the first of them is migrated: the veto of one holds for all. */
  async #askSharing({ placement }: Tenant): Promise<void> {
    const asking = this.#fleet.tenancies.filter(({ asks }) => asks);
    if (asking.length === 0) return;
    const { server = '', database = '', schema = '' } = placement;
    for await (const { tenant } of this.#fleet.ledger.tenants({ sharing: { server, database, schema } })) {
      for (const tenancy of asking) await tenancy.migrating(tenant);
    }
  }
}

function sharedKeyOf({ placement: { server, database, schema } }: Tenant): string {
  return JSON.stringify([server, database, schema]);
}

function outcomeOf(migrated: Migrated | undefined): 'migrated' | 'upToDate' | 'ahead' | 'removed' {
  if (migrated === undefined) return 'removed';
  if (migrated.steps.length > 0) return 'migrated';
  return migrated.ahead === undefined ? 'upToDate' : 'ahead';
}

function migrateFailure(thrown: unknown, tenant: string): TenancyError {
  if (isTenancyError(thrown)) return thrown;
  const what = `Migrating tenant "${tenant}" failed`;
  const error = new TenancyError('MIGRATE_FAILED', `${what}: ${String(thrown)}`, { tenant, cause: thrown });
  return withSummary(error, `${what}: ${recordedReason(thrown, String(thrown))}.`);
}
