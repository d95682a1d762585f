import type { CommonOptions } from '../terminal/program.ts';
import type { OmnitenantConfig } from './config.ts';
import { loadConfig } from './load-config.ts';

/** Works with the application, and closes its tenancy however that went. */
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
