import type { CommonOptions } from '../terminal/program.ts';
import type { OmnitenantConfig } from './config.ts';
import { loadConfig } from './load-config.ts';

/** Loads the application, does the work, and always closes the tenancy. */
export async function withApplication<R>(
  command: { optsWithGlobals(): CommonOptions },
  work: (application: OmnitenantConfig) => Promise<R>,
): Promise<R> {
  const application = await loadConfig(command.optsWithGlobals().config);
  try {
    return await work(application);
  } finally {
    await application.tenancy.close();
  }
}
