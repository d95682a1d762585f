import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { redact } from '../errors/redact.ts';
import { outside } from '../scope/context.ts';

/** The logger of a tenancy: pino, `console`, or any object with these methods. */
export interface TenancyLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What is logged, by the name of its channel. */
const lines: Readonly<Record<string, { readonly level: keyof TenancyLog; readonly message: string }>> = {
  'omnitenant:tenant-failed': { level: 'error', message: 'A tenant has failed.' },
  'omnitenant:feed-unreadable': { level: 'warn', message: 'The changes of tenants cannot be read.' },
  'omnitenant:orm:refused': { level: 'warn', message: 'A request got no connection, or lost it.' },
  'omnitenant:orm:pool-closed': { level: 'info', message: 'The last connection to a database was closed.' },
  'omnitenant:orm:template-dropped': { level: 'info', message: 'A template of tenants’ databases was dropped.' },
  'tracing:omnitenant:orm:resend:start': { level: 'warn', message: 'A read was cut, and is sent again.' },
  'omnitenant:cache:failed': { level: 'warn', message: 'The Redis of a cache failed.' },
  'omnitenant:queue:refused': { level: 'warn', message: 'A job was not added.' },
};

/** A line of one kind and tenant is written once in so many milliseconds. */
export const quietMs = 10_000;

/** The logs that are written to. Tenancies of one process that share a log write each line once. */
const open = new Map<TenancyLog, { users: number; readonly close: () => void }>();

/**
 * Writes what the packages publish on their channels to a log, each kind and tenant at most once in 10 seconds, then with the number of those
 * that were left out. Returns a function that ends it. `onError` receives what the log throws.
 */
export function writeLog(log: TenancyLog, onError: (error: unknown) => void): () => void {
  const shared = open.get(log) ?? { users: 0, close: listen(log, onError) };
  open.set(log, shared);
  shared.users += 1;
  return () => {
    shared.users -= 1;
    if (shared.users > 0) return;
    open.delete(log);
    shared.close();
  };
}

function listen(log: TenancyLog, onError: (error: unknown) => void): () => void {
  const quiet = new Map<string, QuietLine>();

  function write(channel: string, fields: object): void {
    const { level, message } = lines[channel] ?? { level: 'info', message: channel };
    try {
      log[level](fields, message);
    } catch (error) {
      onError(error);
    }
  }

  function startQuiet(key: string, channel: string): void {
    const timer = setTimeout(() => endQuiet(key), quietMs).unref();
    quiet.set(key, { channel, timer, omitted: 0, fields: {} });
  }

  function endQuiet(key: string): void {
    const line = quiet.get(key);
    quiet.delete(key);
    if (line === undefined || line.omitted === 0) return;
    write(line.channel, { ...line.fields, omitted: line.omitted });
    startQuiet(key, line.channel);
  }

  function onMessage(message: unknown, channel: string | symbol): void {
    const name = String(channel);
    const fields = fieldsOf(message as Readonly<Record<string, unknown>>);
    const { tenant = '', code = '', server = '' } = fields;
    const key = [name, tenant, code, server].join('\0');
    const line = quiet.get(key);
    if (line !== undefined) {
      line.omitted += 1;
      line.fields = fields;
      return;
    }
    write(name, fields);
    // The timer outlives the scope.
    outside(() => startQuiet(key, name));
  }

  for (const channel of Object.keys(lines)) subscribe(channel, onMessage);
  return () => {
    for (const channel of Object.keys(lines)) unsubscribe(channel, onMessage);
    for (const [key, { timer, channel, fields, omitted }] of quiet) {
      clearTimeout(timer);
      quiet.delete(key);
      if (omitted > 0) write(channel, { ...fields, omitted });
    }
  };
}

interface QuietLine {
  readonly channel: string;
  readonly timer: NodeJS.Timeout;
  omitted: number;
  /** Of the last one that was left out. */
  fields: object;
}

/** What a line has of a message, whichever package publishes it. */
const names = ['tenant', 'code', 'server', 'database', 'schema', 'queue'] as const;

function fieldsOf(message: Readonly<Record<string, unknown>>): Partial<Record<(typeof names)[number], unknown>> {
  const found = names.filter((name) => message[name] !== undefined).map((name) => [name, message[name]]);
  const reason = message['reason'] ?? message['message'];
  return { ...Object.fromEntries(found), ...(reason !== undefined && { reason: redact(String(reason)) }) };
}
