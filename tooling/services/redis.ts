import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { launch } from './launch.ts';
import { program } from './program.ts';
import { findService, type Service, service } from './service.ts';

/** A Redis: `REDIS_URL`, else 127.0.0.1:6379, else one of our own. */
export async function redis(): Promise<Service> {
  return findService({
    variable: 'REDIS_URL',
    check: (url) => redisCommand(url, 'PING'),
    local: ['redis://127.0.0.1:6379'],
    start: redisServer,
  });
}

/** A server that can be ended and started again, with what it keeps on disk. */
export interface RestartableService extends Service {
  restart(): Promise<void>;
}

export interface RedisServerOptions {
  /** One that listened here before and has been stopped comes back. A free port when left out. */
  port?: number;
  /** Further arguments, such as `--maxmemory 2mb`. */
  flags?(port: number): readonly string[];
}

/** A Redis of our own, which keeps nothing on disk. */
export async function redisServer({
  port: wanted,
  flags = () => [],
}: RedisServerOptions = {}): Promise<RestartableService> {
  const { url, stop, restart } = await launch({
    name: 'redis',
    stopSignal: 'SIGKILL',
    port: wanted,
    async prepare(folder) {
      return {
        ...(await program({ name: 'redis-server', hint: 'Install Redis, or set REDIS_URL.', folder })),
        args: (port) => [
          ...['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
          ...flags(port),
        ],
      };
    },
    url: (port) => `redis://127.0.0.1:${port}`,
    check: (url) => redisCommand(url, 'PING'),
  });
  return { ...service(url, 'started', stop), restart };
}

/** Sends one command whose answer is a line, and resolves to that line. No client library is needed for that. */
export async function redisCommand(url: string, ...command: string[]): Promise<string> {
  const { protocol, hostname, port, username, password, pathname } = new URL(url);
  const commands = [command];
  if (pathname.length > 1) commands.unshift(['SELECT', pathname.slice(1)]);
  if (password) commands.unshift(['AUTH', ...[username, password].filter(Boolean).map(decodeURIComponent)]);
  const target = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 6379), servername: hostname };
  const socket = protocol === 'rediss:' ? connectTls(target) : connectTcp(target);
  socket.setTimeout(3_000, () => socket.destroy(new Error('no answer in 3 s')));
  try {
    socket.write(commands.map(encoded).join(''));
    let text = '';
    for await (const chunk of socket) {
      text += chunk;
      const lines = text.split('\r\n').slice(0, -1);
      const refused = lines.find((line) => line.startsWith('-'));
      if (refused) throw new Error(refused.slice(1));
      const last = lines[commands.length - 1];
      if (last !== undefined) return last.slice(1);
    }
    throw new Error('the connection was closed');
  } finally {
    socket.destroy();
  }
}

function encoded(command: string[]) {
  return `*${command.length}\r\n${command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join('')}`;
}
