#!/usr/bin/env node
import module from 'node:module';
import { refuseOldNode } from './node-version.ts';

refuseOldNode();
// Most of what a short command takes is to load.
module.enableCompileCache();
const { main } = await import('./main.ts');

process.exitCode = await main(process.argv);

// What the application has opened besides its tenancy must not keep the command from ending. On a machine that was busy,
// what is about to close is let close.
setTimeout(() => setTimeout(endWhatIsLeft, 100).unref(), 2_000).unref();

function endWhatIsLeft(): void {
  const own = /^(Pipe|TTY)Wrap$/;
  const left = process.getActiveResourcesInfo().filter((name) => !own.test(name));
  if (left.length > 0)
    process.stderr.write(`The application leaves something open, which omnitenant ends now: ${left.join(', ')}.\n`);
  process.exit();
}
