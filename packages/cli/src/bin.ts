#!/usr/bin/env node
import module from 'node:module';
import { refuseOldNode } from './node-version.ts';

refuseOldNode();
// A short command spends most of its time loading code.
module.enableCompileCache();
const { main } = await import('./main.ts');

process.exitCode = await main(process.argv);

// Handles that the application left open must not keep the command running. The delay lets closing handles close, also on
// a busy machine.
setTimeout(() => setTimeout(exitWithOpenHandles, 100).unref(), 2_000).unref();

function exitWithOpenHandles(): void {
  const own = /^(Pipe|TTY)Wrap$/;
  const open = process.getActiveResourcesInfo().filter((name) => !own.test(name));
  if (open.length > 0)
    process.stderr.write(`The application left something open; omnitenant exits anyway: ${open.join(', ')}.\n`);
  process.exit();
}
