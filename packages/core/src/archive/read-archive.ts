import { createHash } from 'node:crypto';
import { invalidArchive, openEntries } from './archive-entries.ts';
import {
  type ArchiveManifest,
  type ArchivePart,
  digestsEntry,
  isPartName,
  manifestEntry,
  type PartDigest,
  partOf,
  pieceName,
} from './archive-part.ts';

/** An archive that is being read, once and in its order. */
export interface OpenArchive {
  readonly manifest: ArchiveManifest;
  /** The resource that comes next, and its parts; `undefined` after the last one. */
  nextResource(): { readonly name: string; readonly parts: AsyncIterable<ArchivePart> } | undefined;
  /** Compares what was read with the digests, and checks that nothing follows. */
  verify(): Promise<void>;
  /** Stops reading. */
  close(): Promise<void>;
}

/**
 * Opens an archive. Names that no archive has are refused.
 *
 * @throws ARCHIVE_INVALID, from all of its methods too.
 */
export async function openArchive(bytes: AsyncIterable<Uint8Array>): Promise<OpenArchive> {
  const entries = openEntries(bytes);
  const digests: PartDigest[] = [];

  async function* pieces(name: string): AsyncGenerator<Uint8Array> {
    const hash = createHash('sha256');
    let size = 0;
    for (let piece = 1; entries.name === pieceName(name, piece); piece += 1) {
      for await (const chunk of entries.content()) {
        hash.update(chunk);
        size += chunk.byteLength;
        yield chunk;
      }
      await entries.advance();
    }
    digests.push({ name, bytes: size, sha256: hash.digest('hex') });
  }

  async function* partsOf(resource: string): AsyncGenerator<ArchivePart> {
    while (entries.name?.startsWith(`${resource}/`)) {
      const name = partOf(entries.name);
      if (!isPartName(name) || digests.some((digest) => digest.name === name)) throw holds(name);
      const bytes = pieces(name);
      yield { name: name.slice(resource.length + 1), bytes };
      // The next part comes behind what the resource did not want.
      await drain(bytes);
    }
  }

  try {
    await entries.advance();
    const manifest = parseManifest(await entries.json(manifestEntry));
    await entries.advance();
    return {
      manifest,
      nextResource() {
        if (entries.name === undefined || entries.name === digestsEntry) return undefined;
        if (!isPartName(partOf(entries.name))) throw holds(entries.name);
        const [name = ''] = entries.name.split('/');
        return { name, parts: partsOf(name) };
      },
      async verify() {
        const { parts } = ((await entries.json(digestsEntry)) ?? {}) as { readonly parts?: unknown };
        if (JSON.stringify(parts) !== JSON.stringify(digests))
          throw invalidArchive('its digests are not those of its parts');
        await entries.advance();
        if (entries.name !== undefined) throw holds(entries.name);
      },
      close: () => entries.close(),
    };
  } catch (error) {
    await entries.close();
    throw error;
  }
}

/** Reads to the end what nobody wants. */
export async function drain(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of bytes);
}

function parseManifest(value: unknown): ArchiveManifest {
  const { format, version, tenant, resources } = (value ?? {}) as Partial<ArchiveManifest>;
  if (format !== 'omnitenant-archive') throw invalidArchive('its manifest is of another format');
  if (version !== 1) throw invalidArchive(`its version is ${String(version)}, and this code reads version 1`);
  const isComplete =
    typeof tenant?.id === 'string' &&
    typeof tenant.columns === 'object' &&
    tenant.columns !== null &&
    [tenant.dates, resources, hostsOf(tenant)].every(isListOfTexts) &&
    tenant.dates.every((column) => Number.isFinite(Date.parse(String(tenant.columns[column]))));
  if (!isComplete) throw invalidArchive('its manifest is incomplete');
  return value as ArchiveManifest;
}

function hostsOf({ domains }: { readonly domains?: unknown }): unknown {
  return Array.isArray(domains) ? domains.map((domain) => domain?.host) : undefined;
}

function isListOfTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}

function holds(name: string): Error {
  return invalidArchive(`it holds "${name}", where no archive has that`);
}
