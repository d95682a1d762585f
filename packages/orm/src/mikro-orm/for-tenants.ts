import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { MikroORM, Options } from '@mikro-orm/core';
import { TenancyError } from '@omnitenant/core';

/** The same symbol in every copy of the package. */
const brand: unique symbol = Symbol.for('omnitenant.forTenants') as never;

/**
 * Marks a MikroORM configuration as one of tenants: MikroORM's own schema and migration commands are refused with it. They treat the whole
 * database as the schema of one application, and would drop central and the schemas of tenants. Wrap the export of `mikro-orm.config.ts`.
 *
 * @example
 * export default forTenants(defineConfig({ clientUrl, entities: [Project], migrations: { path: './migrations' } }));
 */
export function forTenants<Config extends Pick<Partial<Options>, 'extensions'>>(config: Config): Config {
  if (isForTenants(config)) return config;
  return { ...config, extensions: [...(config.extensions ?? []), refusedTools] };
}

function isForTenants({ extensions = [] }: Pick<Partial<Options>, 'extensions'>): boolean {
  return extensions.some((extension) => brand in extension);
}

/**
 * Refuses a configuration that MikroORM's command could load and use on tenants' schemas.
 *
 * @throws CONFIG_INVALID
 */
export function refuseUnguarded(config: Options): void {
  const folder = config.baseDir ?? process.env.MIKRO_ORM_BASE_DIR ?? '.';
  const found = isForTenants(config) ? undefined : foundByCommand(folder);
  if (found === undefined) return;
  const message =
    `MikroORM's command finds ${found}, and "mikro-orm schema:update --run" would drop the schemas of tenants with it. ` +
    'Wrap the configuration that it exports: forTenants(defineConfig({ … })), with forTenants from @omnitenant/orm.';
  throw new TenancyError('CONFIG_INVALID', message);
}

/** The configuration that MikroORM's command loads in a folder, if there is one. */
function foundByCommand(folder: string): string | undefined {
  const named = [process.env.MIKRO_ORM_CLI_CONFIG, ...configPathsOfManifest(folder)].filter(
    (path) => path !== undefined,
  );
  const usual = ['./src', '.', './dist', './build'].flatMap((part) =>
    ['ts', 'js'].map((ending) => `${part}/mikro-orm.config.${ending}`),
  );
  return [...named, ...usual].find((path) => existsSync(resolve(folder, path)));
}

function configPathsOfManifest(folder: string): readonly string[] {
  try {
    return JSON.parse(readFileSync(resolve(folder, './package.json'), 'utf8'))['mikro-orm']?.configPaths ?? [];
  } catch {
    return [];
  }
}

const refusedTools = {
  [brand]: true,
  register({ config }: MikroORM): void {
    const { getExtension } = config;
    config.getExtension = function getGuarded<Extension>(name: string): Extension | undefined {
      const extension = getExtension.call(config, name) as object | undefined;
      const allowed = guarded.get(name);
      return (extension && allowed ? refusing(extension, allowed) : extension) as Extension | undefined;
    };
  },
};

/** MikroORM's tools that change a schema, and what they may still do. */
const guarded: ReadonlyMap<string, readonly string[]> = new Map([
  ['@mikro-orm/schema-generator', ['ensureDatabase']],
  ['@mikro-orm/migrator', []],
]);

function refusing(tool: object, allowed: readonly string[]): object {
  return new Proxy(tool, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function' || typeof name === 'symbol') return member;
      return allowed.includes(name) ? member.bind(target) : () => Promise.reject(refused(name));
    },
  });
}

function refused(method: string): TenancyError {
  const message =
    `MikroORM's ${method}() is refused: it takes the whole database for the schema of one application, and would drop central and the ` +
    'schemas of tenants. Write migrations with: omnitenant migration:create. Apply them with: omnitenant migrate.';
  return new TenancyError('CONFIG_INVALID', message);
}
