import type { CommonOptions } from '../terminal/program.ts';
import { askChoice, type Choice } from '../terminal/prompts.ts';
import { isolations } from './isolations.ts';

/** Asks for an isolation; `first` are choices in front of those that there are. */
export function askIsolation(options: CommonOptions, first: readonly Choice[] = []): Promise<string> {
  const choices = Object.entries(isolations).map(([value, hint]) => ({ value, hint }));
  return askChoice(options, {
    message: 'How should tenants be isolated?',
    instead: '--isolation <isolation>',
    choices: [...first, ...choices],
  });
}
