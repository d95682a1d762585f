import { expect, test } from 'vitest';
import { encodeStatements, sync } from './wire.ts';

/** The messages of a buffer: each a letter, the length of what follows, and that. */
function messagesOf(bytes: Buffer): [type: string, body: string][] {
  const messages: [string, string][] = [];
  for (let at = 0; at < bytes.length; at += 1 + bytes.readInt32BE(at + 1)) {
    messages.push([
      String.fromCharCode(bytes[at] ?? 0),
      bytes.toString('utf8', at + 5, at + 1 + bytes.readInt32BE(at + 1)),
    ]);
  }
  return messages;
}

test('each statement is a Parse, a Bind and an Execute of its own, so the server takes one command from it', () => {
  expect(messagesOf(encodeStatements(['begin', "set local role 'é'"]))).toEqual([
    ['P', '\0begin\0\0\0'],
    ['B', '\0\0\0\0\0\0\0\0'],
    ['E', '\0\0\0\0\0'],
    ['P', "\0set local role 'é'\0\0\0"],
    ['B', '\0\0\0\0\0\0\0\0'],
    ['E', '\0\0\0\0\0'],
  ]);
});

test('a value is bound, and stands in no text', () => {
  expect(messagesOf(encodeStatements([{ text: 'select $1', values: ['é'] }]))).toEqual([
    ['P', '\0select $1\0\0\0'],
    ['B', '\0\0\0\0\0\x01\0\0\0\x02é\0\0'],
    ['E', '\0\0\0\0\0'],
  ]);
});

test('what is sent with every statement is encoded once', () => {
  const pin = ['begin'];
  expect(encodeStatements(pin)).toBe(encodeStatements(pin));
});

test('a message ends in a Sync', () => {
  expect(messagesOf(sync)).toEqual([['S', '']]);
});
