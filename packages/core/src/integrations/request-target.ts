/**
 * Whether the `Host` headers and the request's target name one host. Node keeps the first of several headers, a proxy may have
 * read another one, and a target that is a full URL names a host, too. If they differ, the host is unknown.
 */
export function namesOneHost(hosts: readonly string[] | undefined, target: string): boolean {
  const [host = '', ...others] = hosts ?? [];
  if (others.length > 0 || /[,@]/.test(host)) return false;
  return target.startsWith('/') || URL.parse(target)?.host === URL.parse(`http://${host}`)?.host;
}

/** The path of a request's target, which may be a full URL. */
export function pathOfTarget(target: string): string {
  const path = target.startsWith('/') ? target : (URL.parse(target)?.pathname ?? '/');
  return path.replace(/\?.*$/s, '');
}
