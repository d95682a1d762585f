import { randomBytes } from 'node:crypto';
import { testServer } from './server.ts';

/** A name that no other test has: for databases, roles and keys. The run can tell what was left behind by it. */
export function testName(label = ''): string {
  return `${testServer().prefix}${randomBytes(4).toString('hex')}${label && `_${label}`}`;
}
