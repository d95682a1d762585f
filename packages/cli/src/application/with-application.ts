import type { CommonOptions } from '../terminal/program.ts';
import type { OmnitenantConfig } from './config.ts';
import { loadConfig } from './load-config.ts';
import { operatorName } from './operator.ts';

/** Loads the application, does the work as who runs the command, and always closes the tenancy. */
export async function withApplication<R>(
  command: { optsWithGlobals(): CommonOptions },
  work: (application: OmnitenantConfig) => Promise<R>,
): Promise<R> {
  const { config, env } = command.optsWithGlobals();
  const application = await loadConfig(config, env);
  try {
    return await application.tenancy.as({ actor: operatorName() }, () => work(application));
  } finally {
    await application.tenancy.close();
  }
}
