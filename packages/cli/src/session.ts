import type { OmnitenantConfig } from './config.ts';
import { loadConfig } from './load-config.ts';

/** The options that every command has. */
export type CommonOptions = {
  readonly config?: string | undefined;
  readonly verbose?: true | undefined;
  /** `false` where nobody may be asked anything. */
  readonly input: boolean;
};

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
