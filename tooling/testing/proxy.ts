import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { opened } from './open.ts';

export interface TestProxy extends AsyncDisposable {
  /** The URL of the server behind it, which leads through it. */
  readonly url: string;
  /** From now on it takes connections and bytes, and passes nothing on: as a server that has frozen. */
  fallSilent(): void;
  /** Ends all connections, and takes no further ones: as a server that is gone. */
  cut(): void;
}

/** Stands in front of a server, for what may become of the way there. */
export async function testProxy(url: string): Promise<TestProxy> {
  const behind = new URL(url);
  const sockets = new Set<Socket>();
  let isSilent = false;

  const server = createServer((client) => {
    add(client);
    if (isSilent) return;
    const backend = add(connect(Number(behind.port || 5432), behind.hostname));
    for (const [from, to] of [
      [client, backend],
      [backend, client],
    ] as const) {
      from.on('data', (bytes) => isSilent || to.write(bytes));
      from.on('close', () => isSilent || to.destroy());
    }
  });

  function add(socket: Socket): Socket {
    sockets.add(socket);
    return socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  }

  function cut(): void {
    server.close();
    for (const socket of sockets) socket.destroy();
  }

  const stop = opened(`proxy before ${behind.host} (dispose of it)`, async () => cut());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: Object.assign(new URL(url), { hostname: '127.0.0.1', port: String(port) }).href,
    fallSilent: () => {
      isSilent = true;
    },
    cut,
    [Symbol.asyncDispose]: stop,
  };
}
