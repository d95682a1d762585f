import { signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';

/** An answer of the API that is an error: problem details (RFC 9457) with the code of a TenancyError. */
class Problem extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, { title, detail, code }: { title?: string; detail?: string; code?: string }) {
    super(detail ?? title ?? `The server answered with status ${status}.`);
    this.status = status;
    this.code = code ?? String(status);
  }
}

/** Grows with each change that these pages made; what is shown is then loaded again. */
export const changes = signal(0);

export const apiUrl = (path: string, query: Readonly<Record<string, string | undefined>> = {}): string => {
  const given = Object.entries(query).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return `api/v1/${path}${given.length > 0 ? `?${new URLSearchParams(given)}` : ''}`;
};

async function get<T>(url: string, signal?: AbortSignal): Promise<T> {
  const answer = await fetch(url, { headers: { accept: 'application/json' }, ...(signal && { signal }) });
  return read<T>(answer);
}

/** Sends a change; what a deletion says is in its query. Each has a key of its own, so that a repeated one is done once. */
export async function send<T>(
  method: 'POST' | 'PATCH' | 'DELETE',
  path: string,
  body: object,
  etag?: string,
): Promise<T> {
  const headers = {
    'content-type': 'application/json',
    'idempotency-key': newKey(),
    ...(etag && { 'if-match': etag }),
  };
  const sent = method === 'DELETE' ? {} : { body: JSON.stringify(body) };
  const answer = await fetch(apiUrl(path, method === 'DELETE' ? (body as Record<string, string>) : {}), {
    method,
    headers,
    ...sent,
  });
  const result = await read<T>(answer);
  changes.value++;
  return result;
}

/** `crypto.randomUUID` is there in secure contexts alone, and these pages may be served by HTTP inside a network. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join('-');
}

export interface Loaded<T> {
  readonly value?: T;
  readonly error?: Error;
  /** The URL that answered; another one than was asked for while that is loading. */
  readonly url?: string;
}

/** What a URL answers, loaded again when it changes, after each change, and every `everyMs` while the page is visible. */
export function useGet<T>(url: string, everyMs?: number): Loaded<T> {
  const [loaded, setLoaded] = useState<Loaded<T>>({});
  const version = changes.value;
  useEffect(() => {
    const abort = new AbortController();
    const load = () =>
      get<T>(url, abort.signal).then(
        (value) => setLoaded({ url, value }),
        (error: Error) => abort.signal.aborted || setLoaded((last) => ({ ...last, url, error })),
      );
    load();
    const timer = everyMs && setInterval(() => document.visibilityState === 'visible' && load(), everyMs);
    return () => {
      abort.abort();
      if (timer) clearInterval(timer);
    };
  }, [url, everyMs, version]);
  return loaded;
}

/** The pages of a list: the first one, which stays current, and those after it that were asked for. */
export function usePages<Name extends string, Item>(url: string, name: Name, everyMs?: number) {
  type Page = { readonly [key in Name]: readonly Item[] } & { readonly next: string | null };
  const first = useGet<Page>(url, everyMs);
  const [later, setLater] = useState<readonly Page[]>([]);
  const [error, setError] = useState<Error>();
  useEffect(() => setLater([]), [url]);
  const pages = first.value ? [first.value, ...later] : [];
  const next = pages.at(-1)?.next;
  const more = () => get<Page>(`${url}&${new URLSearchParams({ after: next ?? '' })}`);
  return {
    items: pages.flatMap((page) => page[name]),
    isLoaded: first.value !== undefined,
    error: first.error ?? error,
    ...(next && { loadMore: () => more().then((page) => setLater([...later, page]), setError) }),
  };
}

async function read<T>(answer: Response): Promise<T> {
  const isJson = /json/.test(answer.headers.get('content-type') ?? '');
  const body = isJson ? await answer.json() : {};
  if (!answer.ok) throw new Problem(answer.status, body);
  return body as T;
}
