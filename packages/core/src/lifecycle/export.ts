import { PassThrough, type Readable } from 'node:stream';
import type { Anonymisation } from '../archive/anonymisation.ts';
import type { ArchiveDigest, ArchivedTenant, ArchiveManifest, ArchivePart } from '../archive/archive-part.ts';
import { writeArchive } from '../archive/write-archive.ts';
import { isTenancyError, TenancyError, tenantOutdated } from '../errors/errors.ts';
import { type OptionNames, unknownOption } from '../errors/unknown-option.ts';
import { isSameIncarnation } from '../models/incarnation.ts';
import type { Tenant } from '../models/tenant.ts';
import type { ResourceVerbs } from '../resource.ts';
import { outside } from '../scope/context.ts';
import { refuseUnfilled } from './awaiting-archive.ts';
import type { Lifecycle } from './lifecycle.ts';
import { requireSupport } from './refused.ts';
import { migratable, requireStatus } from './transitions.ts';

/** How an archive is made. */
export interface ExportOptions<T extends Tenant = Tenant> {
  /**
   * Replaces what identifies people. Default: everything as it is. To pass `undefined` is refused: a map that is missing by mistake must not
   * let the data out.
   */
  readonly anonymise?: Anonymisation<T>;
}

const optionNames: OptionNames<ExportOptions> = { anonymise: true };

/** A tenant's archive while it is written. */
export interface TenantExport {
  readonly bytes: ReadableStream<Uint8Array>;
  /** Resolves when the last byte was read. Rejects as reading does. */
  readonly written: Promise<ArchiveDigest>;
}

/** Streams everything that the resources keep of a tenant. Its other verbs wait until the stream was read or cancelled. */
export async function exportTenant<T extends Tenant>(
  lifecycle: Lifecycle<T>,
  id: string,
  options: ExportOptions<T> = {},
): Promise<TenantExport> {
  const { records, signals, resources, store } = lifecycle;
  const { anonymise } = options;
  checkOptions(options, resources);
  const stored = await records.read(id);
  requireStatus(stored, migratable);
  const anonymised = anonymise !== undefined;
  if (anonymised) requireSupport(resources, 'anonymise', id);
  await signals.emitBefore('exporting', { tenant: stored, anonymised });
  const output = new PassThrough();
  // Who asked is told by what is returned, also where nobody reads yet.
  output.on('error', () => {});
  const begun = Promise.withResolvers<void>();
  const writing = outside(() =>
    lifecycle.exclusively(id, 'export', async ({ confirm }) => {
      const tenant = await records.read(id);
      if (!isSameIncarnation(tenant, stored)) throw tenantOutdated(id);
      requireStatus(tenant, migratable);
      refuseUnfilled(tenant);
      const exports = exportsOf(resources, tenant, anonymise?.resources);
      const manifest: ArchiveManifest = {
        format: 'omnitenant-archive',
        version: 1,
        exportedAt: new Date().toISOString(),
        tenant: anonymise ? archivedCopy(tenant, anonymise) : archived(tenant, await store.domains(id)),
        resources: [...exports.keys()],
        ...(anonymised && { anonymised }),
      };
      begun.resolve();
      return writeArchive(manifest, partsOf(exports, confirm), output);
    }),
  );
  const written = writing.then(
    async (archive) => {
      await signals.emit('exported', { tenant: stored, archive, anonymised });
      return archive;
    },
    (cause) => {
      output.destroy(cause as Error);
      throw exportFailed(id, cause);
    },
  );
  // Whoever reads the stream is told, too.
  written.catch(begun.reject);
  await begun.promise;
  const ended = written.then(
    () => {},
    () => {},
  );
  return { bytes: asWebStream(output, ended, (cause) => exportFailed(id, cause)), written };
}

/** The bytes as they are asked for. Cancelling destroys where they come from, also before any were, and waits until the export has ended. */
function asWebStream(
  from: Readable,
  ended: Promise<void>,
  explained: (error: unknown) => Error,
): ReadableStream<Uint8Array> {
  const chunks = from[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next().catch((error: unknown) => Promise.reject(explained(error)));
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        from.destroy();
        await ended;
      },
    },
    { highWaterMark: 0 },
  );
}

function checkOptions<T extends Tenant>(options: ExportOptions<T>, resources: readonly ResourceVerbs[]): void {
  const fault = unknownOption(options, optionNames);
  if (fault !== undefined) throw new TenancyError('CONFIG_INVALID', `tenants.export() ${fault}`);
  if (!('anonymise' in options)) return;
  const rules = options.anonymise?.resources;
  if (typeof options.anonymise?.record !== 'function' || typeof rules !== 'object') {
    const message =
      'tenants.export() has no rules in its option "anonymise"; nothing was read. Pass what orm.anonymisation() returns.';
    throw new TenancyError('CONFIG_INVALID', message);
  }
  for (const name of Object.keys(rules)) {
    if (resources.some((each) => each.name === name && each.exportAnonymised !== undefined)) continue;
    const message = `There are rules for a resource "${name}", and no resource of that name can be anonymised. Leave them out.`;
    throw new TenancyError('CONFIG_INVALID', message);
  }
}

/** What each resource writes, by its name. Nothing is read yet. */
function exportsOf(
  resources: readonly ResourceVerbs[],
  tenant: Tenant,
  rules: Anonymisation['resources'] | undefined,
): ReadonlyMap<string, () => AsyncIterable<ArchivePart> | undefined> {
  const writing = resources.filter((each) =>
    rules === undefined ? each.export !== undefined : Object.hasOwn(rules, each.name),
  );
  return new Map(
    writing.map((resource) => [
      resource.name,
      () =>
        rules === undefined ? resource.export?.(tenant) : resource.exportAnonymised?.(tenant, rules[resource.name]),
    ]),
  );
}

async function* partsOf(
  exports: ReturnType<typeof exportsOf>,
  confirm: () => Promise<void>,
): AsyncGenerator<ArchivePart> {
  for (const [resource, parts] of exports) {
    for await (const { name, bytes } of parts() ?? []) {
      await confirm();
      yield { name: `${resource}/${name}`, bytes };
    }
  }
  await confirm();
}

const standard = ['id', 'name', 'status', 'isolation', 'placement', 'config', 'retainUntil', 'createdAt', 'updatedAt'];

function archived(tenant: Tenant, domains: ArchivedTenant['domains']): ArchivedTenant {
  const { id, name, isolation, config, createdAt } = tenant;
  return {
    id,
    createdAt: createdAt.toISOString(),
    name,
    isolation,
    config,
    ...ownColumns(tenant),
    domains: domains.map(({ host, primary }) => ({ host, primary })),
  };
}

/** Of the tenant's own record nothing but the id, the isolation and the time of its creation. */
function archivedCopy<T extends Tenant>(tenant: T, { record }: Anonymisation<T>): ArchivedTenant {
  const { id, isolation, createdAt } = tenant;
  const { name = id, config = {}, ...columns } = record(tenant);
  return { id, createdAt: createdAt.toISOString(), name, isolation, config, ...ownColumns(columns), domains: [] };
}

function ownColumns(record: object): Pick<ArchivedTenant, 'columns' | 'dates'> {
  const columns = Object.entries(record).filter(([column]) => !standard.includes(column));
  return {
    columns: Object.fromEntries(
      columns.map(([column, value]) => [column, typeof value === 'bigint' ? String(value) : value]),
    ),
    dates: columns.filter(([, value]) => value instanceof Date).map(([column]) => column),
  };
}

function exportFailed(id: string, cause: unknown): TenancyError {
  if (isTenancyError(cause)) return cause;
  const message = `Tenant "${id}" could not be exported, and its archive is not complete. See the cause.`;
  return new TenancyError('EXPORT_FAILED', message, { tenant: id, cause });
}
