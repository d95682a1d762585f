import { AsyncLocalStorage } from 'node:async_hooks';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type REPLServer, start } from 'node:repl';
import type { OmnitenantConfig } from './config.ts';
import { namesOf } from './evaluate.ts';
import { note, paint } from './terminal.ts';

/** A prompt in the current scope, until it is left. */
export async function openRepl(application: OmnitenantConfig): Promise<void> {
  const names = namesOf(application);
  const where = application.tenancy.tryCurrent()?.id ?? 'central';
  note(paint('dim', `${where}: ${Object.keys(names).join(', ')}`, process.stderr));
  const server = prepared(start({ prompt: `${where}> `, useGlobal: true }), names);
  const history = process.env.OMNITENANT_HISTORY ?? join(homedir(), '.omnitenant_history');
  const left = new Promise((resolve) => server.once('exit', resolve));
  server.setupHistory(history, (error) => error && note(`The history is not kept: ${error.message}`));
  await left;
}

/** Node's own globals keep their names: an entity called Map is in `entities`. */
function prepared(server: REPLServer, names: Readonly<Record<string, unknown>>): REPLServer {
  for (const [name, value] of Object.entries(names)) {
    if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  const inScope = AsyncLocalStorage.snapshot();
  const run = server.eval.bind(server);
  Object.assign(server, { eval: (...args: Parameters<typeof run>) => inScope(() => run(...args)) });
  return server;
}
