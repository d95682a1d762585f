/** A target that is a whole URL, as far as servers agree on what it means. */
const wholeUrl = /^https?:\/\/[^/?#\\@]+(?:[/?#]|$)/i;

/**
 * What one server resolves and another takes as it is: segments of dots, backslashes, fragments and control characters. Some servers decode
 * a path before they look for such segments.
 */
const ambiguous = /(?:\/|%2f|%5c)(?:\.|%2e){1,2}(?:\/|%2f|%5c|$)|[\\#\p{Cc}]/iu;

/** What Node says of the headers that name a host. A request of HTTP/2 has no `headersDistinct`. */
export interface HostHeaders {
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly headersDistinct?: NodeJS.Dict<string[]> | undefined;
}

/**
 * Whether the `Host` headers, the `:authority` of HTTP/2 and the request's target name one host. Node keeps the first of several headers,
 * a proxy may have read another one, and a target that is a full URL names a host, too. If they differ, the host is unknown.
 */
export function namesOneHost({ headers, headersDistinct }: HostHeaders, target: string): boolean {
  const named = headersDistinct?.['host'] ?? [headers['host'] ?? []].flat();
  const authority = [headers[':authority'] ?? []].flat().filter((one) => one !== named[0]);
  const [host = '', ...others] = [...named, ...authority];
  if (others.length > 0 || /[,@]/.test(host)) return false;
  if (target.startsWith('/')) return true;
  return wholeUrl.test(target) && URL.parse(target)?.host === URL.parse(`http://${host}`)?.host;
}

/**
 * The path of a request's target, which may be a full URL. A path that a proxy may understand otherwise is none, so that it names no
 * tenant: a proxy that guards `/t/acme` need not have guarded `/t/acme/../beta`.
 */
export function pathOfTarget(target: string): string {
  const path = (target.startsWith('/') ? target : pathOfUrl(target)).replace(/\?.*$/s, '');
  return ambiguous.test(path) ? '' : path;
}

/** As it is: parsing the URL would resolve its path. */
function pathOfUrl(target: string): string {
  return (wholeUrl.test(target) && target.replace(/^https?:\/\/[^/?#]+/i, '')) || '/';
}
