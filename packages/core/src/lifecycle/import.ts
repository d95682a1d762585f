import type { ArchivedTenant, ArchivePart } from '../archive/archive-part.ts';
import { drain, type OpenArchive, openArchive } from '../archive/read-archive.ts';
import { TenancyError } from '../errors/errors.ts';
import { quoted } from '../errors/quoted.ts';
import { type OptionNames, unknownOption } from '../errors/unknown-option.ts';
import type { Placement, Tenant, TenantInput } from '../models/tenant.ts';
import type { ResourceVerbs } from '../resource.ts';
import { outside } from '../scope/context.ts';
import { createTenant } from './create.ts';
import { type DomainRules, needsProof } from './domain-rules.ts';
import type { Lifecycle } from './lifecycle.ts';

/** Options of `tenants.import`. */
export interface ImportOptions {
  /** The id of the new tenant. Default: the one in the archive. Domains come along under that one only, and not those that have to be proved. */
  readonly as?: string | undefined;
  /** The tenant that the archive has to be of. Default: any, so whoever names the file decides whose data the new tenant shows. */
  readonly of?: string | undefined;
  /** Default: as `create` chooses. */
  readonly isolation?: string | undefined;
  readonly placement?: Placement | undefined;
}

const optionNames: OptionNames<ImportOptions> = { as: true, of: true, isolation: true, placement: true };

/** Creates a tenant with the contents of an archive, and migrates it. */
export async function importTenant<T extends Tenant>(
  lifecycle: Lifecycle<T>,
  bytes: AsyncIterable<Uint8Array>,
  options: ImportOptions = {},
): Promise<T> {
  const fault = unknownOption(options, optionNames);
  if (fault !== undefined) throw new TenancyError('CONFIG_INVALID', `tenants.import() ${fault}`);
  const archive = await openArchiveOf(lifecycle, bytes, options.of);
  try {
    return await createTenant(lifecycle, inputOf<T>(lifecycle, archive.manifest.tenant, options), {
      kind: 'import',
      load: (tenant) => load(archive, lifecycle, tenant),
    });
  } finally {
    await archive.close();
  }
}

/**
 * Opens an archive that can be imported here.
 *
 * @throws ARCHIVE_INVALID, also if it is of another tenant than `id`.
 */
export async function openArchiveOf(
  { resources }: Pick<Lifecycle<Tenant>, 'resources'>,
  bytes: AsyncIterable<Uint8Array>,
  id: string | undefined,
): Promise<OpenArchive> {
  const archive = await openArchive(bytes);
  const { manifest } = archive;
  const missing = manifest.resources.find((name) => resources.find((each) => each.name === name)?.import === undefined);
  const fault = () => {
    if (missing !== undefined) return ofAnother(missing);
    return id === undefined || id === manifest.tenant.id ? undefined : ofAnotherTenant(manifest.tenant.id, id);
  };
  const error = fault();
  if (error === undefined) return archive;
  await archive.close();
  throw error;
}

/** Gives each resource its parts, in the order of the archive. One that has none is told so, too. */
export function load<T extends Tenant>(archive: OpenArchive, lifecycle: Lifecycle<T>, tenant: Tenant): Promise<void> {
  return readTo(archive, lifecycle, (resource, parts) => resource.import?.(tenant, parts));
}

/** Reads an archive to its end and compares its digests; each resource says whether it would take its parts. */
export function check<T extends Tenant>(archive: OpenArchive, lifecycle: Lifecycle<T>, tenant: Tenant): Promise<void> {
  return readTo(archive, lifecycle, (resource, parts) => outside(async () => resource.checkImport?.(tenant, parts)));
}

async function readTo<T extends Tenant>(
  archive: OpenArchive,
  { resources }: Lifecycle<T>,
  give: (resource: ResourceVerbs, parts: AsyncIterable<ArchivePart>) => Promise<void> | undefined,
): Promise<void> {
  const done = new Set<string>();
  for (let next = archive.nextResource(); next !== undefined; next = archive.nextResource()) {
    const { name, parts } = next;
    const resource = resources.find((each) => each.name === name);
    if (resource?.import === undefined || done.has(name)) throw ofAnother(name);
    done.add(name);
    await give(resource, parts);
    // A resource that wants none of its parts.
    for await (const { bytes } of parts) await drain(bytes);
  }
  await archive.verify();
  for (const resource of resources)
    if (resource.import !== undefined && !done.has(resource.name)) await give(resource, nothing());
}

async function* nothing(): AsyncGenerator<never> {}

function inputOf<T extends Tenant>(
  rules: DomainRules,
  { id, name, config, columns, dates, domains }: ArchivedTenant,
  { as = id, isolation, placement }: ImportOptions,
): TenantInput<T> {
  const own = Object.entries(columns).map(([column, value]) => [
    column,
    dates.includes(column) ? new Date(value as string) : value,
  ]);
  return {
    ...Object.fromEntries(own),
    id: as,
    name,
    config,
    // An archive proves nothing.
    domains: as === id ? domains.filter(({ host }) => !needsProof(host, rules)) : [],
    // Those of the options only: an archive does not say where its tenant goes.
    isolation,
    placement,
  } as TenantInput<T>;
}

function ofAnother(resource: string): TenancyError {
  const message = `This archive has data of a resource "${resource}", which cannot be imported here. It is the archive of another application.`;
  return new TenancyError('ARCHIVE_INVALID', message);
}

function ofAnotherTenant(id: string, expected: string): TenancyError {
  const message = `This archive is of the tenant ${quoted(id)}, and not of "${expected}". Nothing was imported.`;
  return new TenancyError('ARCHIVE_INVALID', message, { tenant: expected });
}
