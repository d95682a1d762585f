import { after } from './after.ts';
import { expecting, type TenantResolver } from './resolver.ts';

/**
 * Resolves by an id in the application's session; `read` receives the framework's own request. The session's middleware must run first. Use
 * it in `allOf` with the resolver of the host, so that a session of one tenant is refused at another's host.
 * @example
 * const resolver = allOf(fromSubdomain('app.com'), fromSession((req: Request) => req.session.tenant));
 */
export function fromSession<Raw>(read: (raw: Raw) => string | undefined | Promise<string | undefined>): TenantResolver {
  return expecting('a session with the id of the tenant', ({ raw }) =>
    after(read(raw as Raw), (id) => (id ? { id } : undefined)),
  );
}
