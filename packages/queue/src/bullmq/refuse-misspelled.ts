import { TenancyError } from '@omnitenant/core';
import { misspelledOption, type OptionNames } from '@omnitenant/core/extend';

/**
 * Gives options back if none looks like one of ours and is not. All others are BullMQ's, which takes what it does not know.
 * @throws CONFIG_INVALID.
 */
export function refuseMisspelled<Own, Options extends object>(
  what: string,
  options: Options,
  own: OptionNames<Own>,
): Options {
  const fault = misspelledOption(options, own);
  if (fault === undefined) return options;
  throw new TenancyError('CONFIG_INVALID', `${what} ${fault}`);
}
