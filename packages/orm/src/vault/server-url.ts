/** What is wrong with a text as the URL of a server, without repeating it; `undefined` where nothing is. */
export function faultOfUrl(text: string): string | undefined {
  // What Node throws for a URL that is none holds it.
  if (!URL.canParse(text)) return 'it is no URL';
  const { protocol, hostname: host, username: user, password, pathname, hash } = new URL(text);
  if (!/^postgres(ql)?:$/.test(protocol)) return 'it does not begin with postgresql://';
  const missing = Object.entries({ host, user, password }).find(([, part]) => part === '')?.[0];
  // Unless a password's / ? and # are encoded, it ends there, and the rest is taken for something else.
  if (missing || hash !== '')
    return `it names no ${missing ?? 'database'}, or a character in its password has to be encoded`;
  return [user, password, pathname].every(isDecodable) ? undefined : 'a % in it has to be encoded';
}

/** The URL of another database of the same server. */
export function urlOf(server: string, database: string): string {
  const url = new URL(server);
  url.pathname = `/${encodeURI(database)}`;
  // What it leaves out is never what the environment says of another server.
  url.port ||= '5432';
  return url.href;
}

/** The database of a server's URL, which is connected to while another is made or dropped. */
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
