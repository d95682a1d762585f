import { TenancyError } from './errors.ts';

/** The oldest version of Node that the packages run on. */
export const oldestNode = '22.18';

/**
 * Refuses an older Node, which loads the packages and fails later, during a request.
 *
 * @throws CONFIG_INVALID
 */
export function requireNode(
  versions: Readonly<Record<string, string | undefined>> = globalThis.process?.versions ?? {},
): void {
  // Other runtimes name the version of Node that they are like.
  if (versions.bun !== undefined || versions.deno !== undefined || versions.node === undefined) return;
  const [major = 0, minor = 0] = versions.node.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = oldestNode.split('.').map(Number);
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  const message = `omnitenant requires Node ${oldestNode} or newer; this is ${versions.node}. Update Node.`;
  throw new TenancyError('CONFIG_INVALID', message);
}
