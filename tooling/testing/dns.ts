import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type Answer, decode, encode, RECURSION_AVAILABLE } from 'dns-packet';
import { opened } from './open.ts';

/** What a name has: TXT records, each a text or the strings that it is sent in; another name; or a fault. */
export type DnsEntry =
  | readonly (string | readonly string[])[]
  | { readonly cname: string }
  | 'NXDOMAIN'
  | 'SERVFAIL'
  | 'silent';

/** A DNS server of the test's own. */
export interface TestDns extends AsyncDisposable {
  /** Such as `127.0.0.1:40123`. */
  readonly address: string;
  /** Says what a name has from now on. `*.acme.com` is every name below that has nothing of its own. */
  set(name: string, entry: DnsEntry): void;
  /** How often a name was asked for. */
  asked(name: string): number;
  close(): Promise<void>;
}

const codes = { NXDOMAIN: 3, SERVFAIL: 2 } as const;

/** A DNS server on loopback, which answers TXT questions. Names that it does not know do not exist. */
export async function testDns(): Promise<TestDns> {
  const entries = new Map<string, DnsEntry>();
  const counts = new Map<string, number>();
  const socket = createSocket('udp4');

  function entryOf(name: string): DnsEntry {
    const [, ...parents] = name.split('.');
    return entries.get(name) ?? entries.get(`*.${parents.join('.')}`) ?? 'NXDOMAIN';
  }

  /** The records of a name, and of those that it stands for. */
  function answersOf(name: string): Answer[] | 'NXDOMAIN' | 'SERVFAIL' | 'silent' {
    const entry = entryOf(name);
    if (typeof entry === 'string') return entry;
    if ('cname' in entry) {
      const further = answersOf(entry.cname);
      return typeof further === 'string' ? further : [{ name, type: 'CNAME', data: entry.cname }, ...further];
    }
    return entry.map((data) => ({ name, type: 'TXT', data: typeof data === 'string' ? [data] : [...data] }));
  }

  socket.on('message', (message, from) => {
    const { id = 0, questions = [] } = decode(message);
    // Resolvers may ask in capitals of their choice.
    const name = (questions[0]?.name ?? '').toLowerCase();
    counts.set(name, (counts.get(name) ?? 0) + 1);
    const found = answersOf(name);
    if (found === 'silent') return;
    const code = typeof found === 'string' ? codes[found] : 0;
    const answers = typeof found === 'string' ? [] : found;
    const flags = RECURSION_AVAILABLE | code;
    socket.send(encode({ type: 'response', id, flags, questions: questions ?? [], answers }), from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const address = `127.0.0.1:${(socket.address() as AddressInfo).port}`;
  const close = opened(`DNS server ${address} (call close())`, async () => {
    socket.close();
    await once(socket, 'close');
  });
  return {
    address,
    set: (name, entry) => void entries.set(name, entry),
    asked: (name) => counts.get(name) ?? 0,
    close,
    [Symbol.asyncDispose]: close,
  };
}
