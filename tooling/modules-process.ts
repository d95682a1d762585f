// Runs modules in one process, in their order, and tells its parent the ports that they listen on: whichever they ask for, they get
// free ones. Ends when the parent has heard enough.
import { once } from 'node:events';
import { type AddressInfo, Server } from 'node:net';
import { pathToFileURL } from 'node:url';

const listening: Promise<number>[] = [];
const { listen } = Server.prototype;
Server.prototype.listen = function (this: Server, ...args: unknown[]) {
  listening.push(once(this, 'listening').then(() => (this.address() as AddressInfo).port));
  return Reflect.apply(listen, this, typeof args[0] === 'number' ? [0, ...args.slice(1)] : args);
};

for (const module of process.argv.slice(2)) await import(pathToFileURL(module).href);
process.send?.(await Promise.all(listening));

// Tests begin when all modules have been loaded, and end the process by themselves.
if (process.execArgv.includes('--test-force-exit')) process.channel?.unref();
else process.once('disconnect', () => process.exit());
