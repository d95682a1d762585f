import { isStorableText } from '@omnitenant/core/extend';
import { ProblemError } from '../problem.ts';
import { type EndpointName, endpoints } from './endpoints.ts';

/** The operation that a request asks for, and the parameters in its path. */
export interface Match {
  readonly name: EndpointName;
  readonly params: Readonly<Record<string, string>>;
}

const routes = Object.entries(endpoints).map(([name, { method, path }]) => ({
  name: name as EndpointName,
  method: method as string,
  pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`),
}));

/** @throws NOT_FOUND, METHOD_UNKNOWN */
export function matchRoute(method: string, path: string): Match {
  const found = routes.flatMap((route) => {
    const groups = route.pattern.exec(path);
    return groups ? [{ ...route, groups: groups.groups ?? {} }] : [];
  });
  const match = found.find((route) => route.method === (method === 'HEAD' ? 'GET' : method));
  if (match) return { name: match.name, params: decoded(match.groups) };
  if (found.length === 0) throw new ProblemError('NOT_FOUND', 'There is nothing at this path.');
  const allowed = found.map((route) => route.method).join(', ');
  throw new ProblemError('METHOD_UNKNOWN', `This path takes ${allowed}.`, undefined, { Allow: allowed });
}

/** @throws NOT_FOUND for a parameter that is not encoded as a URL's, or that names nothing. */
function decoded(groups: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(groups).map(([name, value]) => [name, decodedText(value)]));
}

function decodedText(value: string): string {
  try {
    const text = decodeURIComponent(value);
    if (isStorableText(text)) return text;
  } catch {}
  throw new ProblemError('NOT_FOUND', 'There is nothing at this path.');
}
