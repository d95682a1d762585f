import type { Command } from '../sql/client.ts';

/**
 * PostgreSQL's extended protocol, as far as it is needed around a statement: each is a Parse, a Bind and an Execute of its own, so
 * the server takes one command from it and no more.
 */
export function encodeStatements(statements: readonly Command[]): Buffer {
  const known = encoded.get(statements);
  if (known) return known;
  const bytes = Buffer.concat(statements.flatMap(encode));
  encoded.set(statements, bytes);
  return bytes;
}

/** Ends a message. The server answers it with ReadyForQuery, which says where the connection stands. */
export const sync: Buffer = message('S', Buffer.alloc(0));

/** What a tenant's statements are sent with stays the same for as long as its driver lives. */
const encoded = new WeakMap<readonly Command[], Buffer>();

const empty = Buffer.from('\0');
const executeAll = message('E', Buffer.concat([empty, Buffer.alloc(4)]));

function encode(command: Command): Buffer[] {
  const { text, values } = typeof command === 'string' ? { text: command, values: [] } : command;
  return [parse(text), bind(values), executeAll];
}

/** The unnamed portal of the unnamed statement: parameters and results as text. */
function bind(values: readonly string[]): Buffer {
  const count = Buffer.alloc(4);
  count.writeInt16BE(values.length, 2);
  const parameters = values.flatMap((value) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(Buffer.byteLength(value));
    return [length, Buffer.from(value)];
  });
  return message('B', Buffer.concat([empty, empty, count, ...parameters, Buffer.alloc(2)]));
}

function parse(text: string): Buffer {
  return message('P', Buffer.concat([empty, Buffer.from(`${text}\0`), Buffer.alloc(2)]));
}

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5, type);
  head.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}
