import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { oldestNode, requireNode } from './node-version.ts';

test.each(['20.20.2', '21.7.3', '22.17.1'])('Node %s is refused in one sentence', (node) => {
  expect(() => requireNode({ node })).toThrow(`omnitenant requires Node 22.18 or newer; this is ${node}. Update Node.`);
});

test('newer versions and other runtimes are not', () => {
  for (const node of ['22.18.0', '24.0.0', '26.10.0']) requireNode({ node });
  requireNode({ node: '20.0.0', bun: '1.3.0' });
  requireNode();
});

test('it is the version that every package asks for', () => {
  const packages = join(import.meta.dirname, '../../..');
  const manifests = globSync('*/package.json', { cwd: packages });
  const asked = manifests.map((path) => JSON.parse(readFileSync(join(packages, path), 'utf8')).engines?.node);
  expect(new Set(asked)).toEqual(new Set([`>=${oldestNode}`]));
});
