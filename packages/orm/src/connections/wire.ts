/**
 * PostgreSQL's extended protocol, as far as utility statements need it: each is a Parse, a Bind and an Execute of its own, so the
 * server takes one command from it and no more.
 */
export function encodeStatements(statements: readonly string[]): Buffer {
  const known = encoded.get(statements);
  if (known) return known;
  const bytes = Buffer.concat(statements.flatMap((text) => [parse(text), bindNothing, executeAll]));
  encoded.set(statements, bytes);
  return bytes;
}

/** Ends a message. The server answers it with ReadyForQuery, which says where the connection stands. */
export const sync: Buffer = message('S', Buffer.alloc(0));

/** What a tenant's statements are sent with stays the same for as long as its driver lives. */
const encoded = new WeakMap<readonly string[], Buffer>();

const empty = Buffer.from('\0');
/** The unnamed portal of the unnamed statement: no parameters, and results as text. */
const bindNothing = message('B', Buffer.concat([empty, empty, Buffer.alloc(6)]));
const executeAll = message('E', Buffer.concat([empty, Buffer.alloc(4)]));

function parse(text: string): Buffer {
  return message('P', Buffer.concat([empty, Buffer.from(`${text}\0`), Buffer.alloc(2)]));
}

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5, type);
  head.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}
