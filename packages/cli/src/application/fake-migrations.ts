import { say } from '../terminal/output.ts';
import { printJson } from '../terminal/table.ts';
import type { OmnitenantConfig } from './config.ts';
import { type FleetFlags, migrateFleet, targetOf } from './migrate-fleet.ts';

/** Marks central's migrations up to `to` as applied. */
export async function fakeCentral(
  { orm }: OmnitenantConfig,
  to: string | undefined,
  { json }: Pick<FleetFlags, 'json'>,
): Promise<void> {
  const changed = await orm.migrations.central.fake(targetOf(to));
  if (json) return printJson({ changed });
  say(changed.length === 0 ? 'Nothing to do.' : `marked in central: ${changed.join(', ')}`);
}

/** Marks the migrations up to `to` as applied in each of the tenants. */
export function fakeTenants(
  application: OmnitenantConfig,
  tenants: readonly string[] | undefined,
  to: string | undefined,
  flags: FleetFlags,
  forgetUnknown = false,
): Promise<void> {
  return migrateFleet(application, tenants, flags, {
    doing: 'marking',
    done: 'marked',
    run: (options) => application.orm.migrations.fake({ ...options, ...targetOf(to), forgetUnknown }),
  });
}
