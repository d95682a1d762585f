import { readFileSync } from 'node:fs';

/** Exits with a message if Node is older than the package requires, because it could not load the other modules. */
export function refuseOldNode(): void {
  const { engines }: { engines: { node: string } } = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  );
  const needed = engines.node.replace('>=', '');
  if (!isOlder(process.versions.node, needed)) return;
  process.stderr.write(`omnitenant requires Node ${needed} or newer; this is ${process.versions.node}.\n`);
  process.exit(1);
}

export function isOlder(version: string, needed: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = needed.split('.').map(Number);
  return major < wantedMajor || (major === wantedMajor && minor < wantedMinor);
}
