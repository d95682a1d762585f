import { ProblemError } from '../problem.ts';

const safe = new Set(['GET', 'HEAD']);

/**
 * Refuses a change that another site's page asks for. Browsers say where a request comes from; what is no browser sends no cookies of
 * its own accord. A form of another site cannot send JSON, nor DELETE.
 *
 * @throws ORIGIN_REFUSED, TYPE_UNSUPPORTED
 */
export function refuseCrossSite(request: Request, host: string): void {
  if (safe.has(request.method)) return;
  const site = request.headers.get('sec-fetch-site');
  const origin = request.headers.get('origin');
  const isForeign = site !== null ? site !== 'same-origin' : origin !== null && hostOf(origin) !== host;
  if (isForeign) {
    throw new ProblemError(
      'ORIGIN_REFUSED',
      'The request comes from a page of another origin; use the pages of this one.',
    );
  }
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json' && request.method !== 'DELETE') {
    throw new ProblemError('TYPE_UNSUPPORTED', 'Send the body as application/json; {} if it is empty.');
  }
}

/** The scheme is not compared: a proxy may have ended TLS. */
function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
