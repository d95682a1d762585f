import { AsyncLocalStorage } from 'node:async_hooks';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type REPLServer, start, writer } from 'node:repl';
import { inspect } from 'node:util';
import { causesOf, sentenceOf } from '../terminal/failure.ts';
import { note, paint, warn } from '../terminal/output.ts';
import type { OmnitenantConfig } from './config.ts';
import { namesOf } from './evaluate.ts';

/** Opens a prompt in the current scope and waits until the user leaves it. With `verbose`, errors are shown in full. */
export async function openRepl(application: OmnitenantConfig, { verbose = false } = {}): Promise<void> {
  const names = namesOf(application);
  const where = application.tenancy.tryCurrent()?.id ?? 'central';
  note(paint('dim', `${where}: ${Object.keys(names).join(', ')}`, process.stderr));
  const shown = (value: unknown): string =>
    value instanceof Error && !(value instanceof SyntaxError) && !verbose
      ? briefly(value)
      : inspect(value, { ...writer.options, colors: process.stdout.hasColors?.() ?? false });
  const server = prepared(start({ prompt: `${where}> `, useGlobal: true, writer: shown }), names);
  const history = process.env.OMNITENANT_HISTORY ?? join(homedir(), '.omnitenant_history');
  const left = new Promise((resolve) => server.once('exit', resolve));
  server.setupHistory(history, (error) => error && warn(`The history cannot be saved: ${error.message}`));
  await left;
}

/** Node's own globals win: an entity called Map is only in `entities`. */
function prepared(server: REPLServer, names: Readonly<Record<string, unknown>>): REPLServer {
  for (const [name, value] of Object.entries(names)) {
    if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  const inScope = AsyncLocalStorage.snapshot();
  const run = server.eval.bind(server);
  Object.assign(server, { eval: (...args: Parameters<typeof run>) => inScope(() => run(...args)) });
  return server;
}

/** The error's message, its causes, and the application's own stack frames. */
function briefly(error: Error): string {
  const frames = error.stack?.split('\n').filter((line) => /^ {4}at /.test(line) && !foreign.test(line)) ?? [];
  const causes = causesOf(error).map((cause) => `  because: ${cause}`);
  return [`${error.name}: ${sentenceOf(error)}`, ...causes, ...frames].join('\n');
}

const foreign = /node:|[\\/]node_modules[\\/]|\bREPL\d+:/;
