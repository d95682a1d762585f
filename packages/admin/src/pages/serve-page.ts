import { gzipSync } from 'node:zlib';
import { files, html } from './assets.ts';

const types: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

const compressed = new Map<string, Uint8Array<ArrayBuffer>>();

/**
 * The pages and what they load, by their path below the mount; `undefined` for what is not there. A file's name changes with its text, so browsers
 * keep it; they ask for the page itself each time.
 */
export async function servePage(request: Request, path: string): Promise<Response | undefined> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return undefined;
  if (path === '') return toFolder(request);
  if (path === '/') return answer(request, 'index.html', html, 'no-cache');
  const name = path.slice(1);
  const text = Object.hasOwn(files, name) ? files[name] : undefined;
  return text === undefined ? undefined : answer(request, name, text, 'private, max-age=31536000, immutable');
}

/** What the page loads is relative to a path that ends with a slash. The answer names no prefix, because a proxy may have added one. */
function toFolder(request: Request): Response {
  const { pathname, search } = new URL(request.url);
  const name = pathname.slice(pathname.lastIndexOf('/') + 1);
  return new Response(null, { status: 307, headers: { Location: `./${name}/${search}` } });
}

function answer(request: Request, name: string, text: string, caching: string): Response {
  const takesGzip = /\bgzip\b/.test(request.headers.get('accept-encoding') ?? '');
  const headers = {
    'Content-Type': types[name.slice(name.lastIndexOf('.') + 1)] ?? 'text/plain',
    'Cache-Control': caching,
    Vary: 'Accept-Encoding',
    ...(takesGzip && { 'Content-Encoding': 'gzip' }),
  };
  return new Response(takesGzip ? zipped(name, text) : text, { headers });
}

function zipped(name: string, text: string): Uint8Array<ArrayBuffer> {
  const known = compressed.get(name);
  if (known) return known;
  const made = new Uint8Array(gzipSync(text, { level: 9 }));
  compressed.set(name, made);
  return made;
}
