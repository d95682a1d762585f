import { Option } from '@commander-js/extra-typings';
import { UsageError } from '../terminal/failure.ts';
import type { TenantOrm } from './config.ts';
import { collect } from './options.ts';

/** A seeder of MikroORM. */
type Seeder = new () => { run(em: TenantOrm['em']): Promise<void> | void };

export function seederOption() {
  return new Option(
    '--class <name>',
    'a seeder by its name; repeatable (default: the default one of the configuration)',
  )
    .argParser(collect)
    .default([] as readonly string[], 'none');
}

/**
 * Finds seeders as MikroORM does: in the folder or the list of its configuration.
 * @throws UsageError if one is not there, or the application has no seeders.
 */
export async function seedersOf({ em }: TenantOrm, named: readonly string[]): Promise<readonly Seeder[]> {
  const seeder = await import('@mikro-orm/seeder').catch(() => {
    throw new UsageError('Seeders need the package @mikro-orm/seeder. Install it: npm install @mikro-orm/seeder');
  });
  const found: Seeder[] = [];
  // MikroORM's manager finds seeders in the act of running them.
  class Finder extends seeder.SeedManager {
    override async seed(...classes: Parameters<(typeof seeder.SeedManager)['prototype']['seed']>): Promise<void> {
      found.push(...(classes as unknown as readonly Seeder[]));
    }
  }
  const names = named.length > 0 ? named : [em.config.get('seeder').defaultSeeder ?? 'DatabaseSeeder'];
  try {
    // It forks its EntityManager, which needs a scope, and reads nothing but the configuration.
    await new Finder({ config: em.config, fork: () => em } as never).seedString(...names);
  } catch (error) {
    const message = (error as Error).message;
    if (!/^Seeder class .* not found/.test(message)) throw error;
    throw new UsageError(`${message}; nothing was seeded.`);
  }
  return found;
}

/** Runs seeders in the current scope, in one transaction. */
export async function seedIn({ em }: TenantOrm, seeders: readonly Seeder[]): Promise<void> {
  if (seeders.length === 0) return;
  await em.transactional(async (own) => {
    for (const SeederClass of seeders) {
      await new SeederClass().run(own as TenantOrm['em']);
      await own.flush();
      own.clear();
    }
  });
}
