import { createHash } from 'node:crypto';
import { TenancyError, type Tenant } from '@omnitenant/core';
import { type Marks, marksOf } from '../isolation/marks.ts';
import type { OpenMigrations } from '../migrations/open-migrations.ts';
import { lastOf, versionOf } from '../migrations/version.ts';
import { type PlacementContext, placeTenant } from '../placement/place-tenant.ts';
import { defaultServer } from '../placement/placement.ts';
import type { Database } from '../sql/client.ts';
import type { MakeParts } from './make-ready.ts';
import { type Found, listReady, type ReadyKind, readyKinds, versionIn } from './ready-kind.ts';
import type { ReadyOptions } from './ready-options.ts';
import { withdraw } from './take-ready.ts';
import { isAbandoned, type ReadyIsolation, unnamed, unnamedTenant } from './unnamed-tenant.ts';

/** What ready-made tenants are opened on. */
export interface ReadyParts extends MakeParts {
  readonly migrations: OpenMigrations;
  readonly placing: PlacementContext;
  readonly central: Database;
  readonly maintenance: (server: string) => Database;
  /** Whether a tenant can have a database of its own. */
  readonly hasDatabases: boolean;
}

/** The place on a server where storage of a kind is made, and found. */
interface Shelf {
  readonly kind: ReadyKind;
  readonly server: string;
  /** Where statements about its storage are sent. */
  readonly on: Database;
}

/** What is on a shelf: ready at the version that is asked for, ready at others, or left unfinished. */
interface OnShelf {
  readonly ready: readonly Found[];
  readonly older: readonly Found[];
  readonly newer: readonly Found[];
  readonly left: readonly Found[];
}

/** The shelves of an orm. */
export interface Shelves {
  /** @throws CONFIG_INVALID where nothing can be made ahead. */
  of(options: ReadyOptions): Shelf;
  /** The tenant that storage without a name yet is made for. */
  unnamed(shelf: Shelf): Tenant;
  /** The mark of storage that the code's migrations have made. */
  markFor(tenant: Tenant): Promise<string>;
  look(shelf: Shelf): Promise<OnShelf>;
  /** Destroys storage, unless a tenant has taken it. Returns whether it did. */
  destroy(found: Found, shelf: Shelf): Promise<boolean>;
}

export function createShelves(parts: ReadyParts): Shelves {
  const { pools, storages, migrations, placing, central, maintenance } = parts;
  const marks = marksOf(central);
  const kinds = readyKinds(central);

  function tenantNamed(name: string, { kind, server }: Shelf): Tenant {
    const id = name.slice(kind.prefix.length);
    const draft = { id, isolation: kind.isolation, placement: { server, [kind.isolation]: name } };
    return unnamedTenant(id, kind.isolation, placeTenant(draft, placing).placement);
  }

  async function markFor(tenant: Tenant): Promise<string> {
    const version = versionOf(await migrations.migrations.names());
    const contents = await migrations.contents(tenant);
    // What has a role, and what has none, are different, too.
    const digest = createHash('sha256').update(JSON.stringify([contents?.digest, 'role' in tenant.placement]));
    return marks.ready(`${encodeURIComponent(version)}/${digest.digest('hex').slice(0, 12)}`);
  }

  /** Whether an ended process has left it unfinished. A database has no mark until it is whole. */
  function isLeft({ name, mark }: Found, shelf: Shelf): boolean {
    if (!isAbandoned(name.slice(shelf.kind.prefix.length))) return false;
    return mark === null || mark === marks.owner(tenantNamed(wholeName(name), shelf));
  }

  function newUnnamed(shelf: Shelf): Tenant {
    return tenantNamed(`${shelf.kind.prefix}${unnamed()}`, shelf);
  }

  return {
    of({ isolation = placing.isolation as ReadyIsolation, server = defaultServer }) {
      if (isolation !== 'schema' && isolation !== 'database') throw hasNothing(isolation);
      if (isolation === 'database' && !parts.hasDatabases) throw hasNothing(isolation);
      if (!placing.servers.has(server)) throw unknownServer(server);
      const on = isolation === 'database' ? maintenance(server) : { server, database: central.database };
      return { kind: kinds[isolation], on, server };
    },

    unnamed: newUnnamed,
    markFor,

    async look(shelf) {
      const mark = await markFor(newUnnamed(shelf));
      const names = await migrations.migrations.names();
      const found = await listReady(pools, shelf.on, shelf.kind);
      const others = found.filter((one) => one.mark !== mark && versionIn(one.mark, marks) !== undefined);
      return {
        ready: found.filter((one) => one.mark === mark),
        older: others.filter((one) => !isNewer(one, marks, names)),
        newer: others.filter((one) => isNewer(one, marks, names)),
        left: found.filter((one) => isLeft(one, shelf)),
      };
    },

    async destroy(found, shelf) {
      const tenant = tenantNamed(wholeName(found.name), shelf);
      const isReady = versionIn(found.mark, marks) !== undefined;
      if (isReady && !(await withdraw({ pools, marks, ...shelf }, found, tenant))) return false;
      await storages[shelf.kind.isolation].destroy(tenant);
      return true;
    },
  };
}

/** The name that a database gets once it is whole. */
function wholeName(name: string): string {
  return name.replace(/_new_[0-9a-f]+$/, '');
}

/** Whether code made it that has migrations which this code does not have. */
function isNewer({ mark }: Found, marks: Marks, names: readonly string[]): boolean {
  const [version = ''] = versionIn(mark, marks)?.split('/') ?? [];
  const last = lastOf(decodeURIComponent(version));
  return last !== undefined && !names.includes(last);
}

function hasNothing(isolation: string): TenancyError {
  return new TenancyError(
    'CONFIG_INVALID',
    isolation === 'row'
      ? 'Tenants of isolation "row" share tables, so nothing is made ahead for them: creating one takes milliseconds.'
      : `Nothing can be made ahead for tenants of isolation "${isolation}" here. Use isolation "schema", or "database" on a server of PostgreSQL.`,
  );
}

function unknownServer(server: string): TenancyError {
  return new TenancyError('CONFIG_INVALID', `There is no server "${server}" in the configuration.`);
}
