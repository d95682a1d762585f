import type { IncomingMessage } from 'node:http';
import type { TenantRequest } from '../resolvers/resolver.ts';
import { namesOneHost, pathOfTarget } from './request-target.ts';

/** A request of Node's own server. `host` reads its host from elsewhere than the header. */
export function nodeRequest(
  incoming: IncomingMessage,
  host: (incoming: IncomingMessage) => string | undefined = ({ headers }) => headers.host,
): TenantRequest {
  const target = incoming.url ?? '/';
  return {
    host: namesOneHost(incoming, target) ? host(incoming) : undefined,
    path: pathOfTarget(target),
    header: (name) => [incoming.headers[name.toLowerCase()]].flat()[0],
    raw: incoming,
  };
}
