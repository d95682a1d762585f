#!/usr/bin/env node
import { enableCompileCache } from 'node:module';

// Most of what a short command takes is to load.
enableCompileCache();
const { main } = await import('./main.ts');

process.exitCode = await main(process.argv);

// What the application has opened besides its tenancy must not keep the command from ending.
setTimeout(() => {
  const own = /^(Pipe|TTY)Wrap$/;
  const left = process.getActiveResourcesInfo().filter((name) => !own.test(name));
  process.stderr.write(`The application leaves something open, which omnitenant ends now: ${left.join(', ')}.\n`);
  process.exit();
}, 2_000).unref();
