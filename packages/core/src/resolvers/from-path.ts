import { TenancyError } from '../errors/errors.ts';
import { quoted } from '../errors/quoted.ts';
import { expecting, type TenantResolver } from './resolver.ts';

/**
 * Resolves a tenant by the segment `:tenant` of the pattern, which matches the beginning of the path. Nothing is decoded,
 * because no tenant id needs it.
 * @throws CONFIG_INVALID for a pattern without exactly one `:tenant`.
 */
export function fromPath(pattern = '/t/:tenant'): TenantResolver {
  const expected = segmentsOf(pattern);
  const position = expected.indexOf(':tenant');
  const rest = expected.toSpliced(position, 1);
  if (!pattern.startsWith('/') || position === -1 || rest.some((part) => part === '' || part.startsWith(':'))) {
    throw new TenancyError('CONFIG_INVALID', `fromPath(${quoted(pattern)}) requires a pattern such as "/t/:tenant".`);
  }
  return expecting(`a path such as ${quoted(pattern)}`, (request) => {
    const found = segmentsOf(request.path);
    const fits = expected.every((part, index) => index === position || found[index] === part);
    const id = found[position];
    return fits && id ? { id } : undefined;
  });
}

function segmentsOf(path: string): string[] {
  return path.slice(1).split('/');
}
