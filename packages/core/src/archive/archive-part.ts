/** One part of a tenant's data in a resource: a table, an index, a folder. */
export interface ArchivePart {
  /** Letters, digits, `.`, `_` and `-`; different from the resource's other parts. */
  readonly name: string;
  /** Read once, from the start to the end, before the next part is asked for. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** What an archive says of its tenant, in its first entry. */
export interface ArchiveManifest {
  readonly format: 'omnitenant-archive';
  readonly version: 1;
  readonly exportedAt: string;
  readonly tenant: ArchivedTenant;
  /** The names of the resources that have written parts, in their order. */
  readonly resources: readonly string[];
  /** Whether rules have replaced what identifies people. Other archives leave it out. */
  readonly anonymised?: true;
}

/** A tenant's record in an archive: what `create` takes. */
export interface ArchivedTenant {
  readonly id: string;
  readonly createdAt: string;
  readonly name: string;
  readonly isolation: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** The application's own columns. */
  readonly columns: Readonly<Record<string, unknown>>;
  /** Those of them that are dates. */
  readonly dates: readonly string[];
  readonly domains: readonly { readonly host: string; readonly primary: boolean }[];
}

/** The size and digest of one part. */
export interface PartDigest {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** The digests of an archive: of its bytes, and of each of its parts. */
export interface ArchiveDigest {
  readonly bytes: number;
  readonly sha256: string;
  readonly parts: readonly PartDigest[];
}

/** The proof that a tenant was erased. Of the tenant, it contains only the id. */
export interface Erasure {
  readonly tenant: string;
  /** When the tenant was created, which tells it from another of the same id. */
  readonly createdAt: Date;
  readonly erasedAt: Date;
  /** What the archive is known by that was handed over before. */
  readonly archive: ArchiveDigest;
}

/** The names of the first and the last entry. */
export const manifestEntry = 'archive.json';
export const digestsEntry = 'digests.json';

const partName = /^[\w][\w.-]*\/[\w][\w.-]*$/;

/** Whether `resource/part` may name a part. */
export function isPartName(name: string): boolean {
  return partName.test(name);
}

/** The part that the first piece of its name belongs to; any other name as it is. */
export function partOf(entry: string): string {
  return entry.replace(/\/000001$/, '');
}

/** The name of the entry that holds one piece of a part. */
export function pieceName(part: string, piece: number): string {
  return `${part}/${String(piece).padStart(6, '0')}`;
}
