import type { CommonOptions } from '../terminal/program.ts';
import { askChoice, askHidden, askText } from '../terminal/prompts.ts';
import type { TenantOrm } from './config.ts';
import { postgreSqlPart } from './postgresql-part.ts';
import type { TenantOptions } from './tenant-input.ts';

/** Asks on which server a tenant is to be: the default one, one that the configuration names, or one of its own. */
export async function askServer(
  options: TenantOptions & CommonOptions,
  orm: TenantOrm,
): Promise<Pick<TenantOptions, 'server' | 'url'>> {
  const where = await askChoice(options, {
    message: 'On which server?',
    instead: '--server <name> or --url <reference>',
    choices: [
      { value: 'default', label: 'default', hint: 'the server of the MikroORM configuration' },
      { value: 'named', label: 'named', hint: 'another server of the configuration' },
      { value: 'own', label: 'dedicated', hint: 'its own server, by URL' },
    ],
  });
  if (where === 'named') {
    const check = (value: string) => (value === '' ? 'It cannot be empty.' : undefined);
    return { server: await askText(options, { message: 'Server', instead: '--server <name>', check }) };
  }
  if (where === 'default') return {};
  const url = await askHidden(options, {
    message: 'Server URL, which is sealed, or env:NAME',
    instead: '--url <reference>',
    check: (value) => (value === '' ? 'It cannot be empty.' : undefined),
  });
  return { url: url.startsWith('env:') ? url : await postgreSqlPart(orm, 'credentials').seal(url) };
}
