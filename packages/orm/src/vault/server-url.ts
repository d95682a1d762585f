/** Why the text is not the URL of a server, without repeating it; `undefined` if it is one. */
export function faultOfUrl(text: string): string | undefined {
  // Node's error for an invalid URL contains it.
  if (!URL.canParse(text)) return 'it is not a URL';
  const { protocol, hostname: host, username: user, password, pathname, hash } = new URL(text);
  if (!/^postgres(ql)?:$/.test(protocol)) return 'it does not begin with postgresql://';
  const missing = Object.entries({ host, user, password }).find(([, part]) => part === '')?.[0];
  // A password that contains an unencoded / ? or # ends there, and the rest is read as something else.
  if (missing || hash !== '')
    return `it names no ${missing ?? 'database'}, or a character in its password has to be encoded`;
  return [user, password, pathname].every(isDecodable) ? undefined : 'a % in it has to be encoded';
}

/** The URL of another database on the same server. */
export function urlOf(server: string, database: string): string {
  const url = new URL(server);
  url.pathname = `/${encodeURI(database)}`;
  // What the URL leaves out is not filled in from the environment, which is about another server.
  url.port ||= '5432';
  return url.href;
}

/** The database that the URL names. It is connected to while another is created or dropped. */
export function maintenanceOf(server: string): string {
  return decodeURI(new URL(server).pathname.slice(1)) || 'postgres';
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
