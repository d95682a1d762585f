import { computed, signal } from '@preact/signals';

/** Where the pages are: `#/tenants/acme?status=failed` is the path `['tenants', 'acme']` and its query. */
const hash = signal(location.hash);
addEventListener('hashchange', () => {
  hash.value = location.hash;
});

export const route = computed(() => {
  const [path = '', query = ''] = hash.value.replace(/^#\/?/, '').split('?');
  return { path: path.split('/').filter(Boolean).map(decodeURIComponent), query: new URLSearchParams(query) };
});

export const href = (...path: readonly string[]): string => `#/${path.map(encodeURIComponent).join('/')}`;

/** The current place with a parameter of its query changed, or removed where it is empty. */
export function withQuery(name: string, value: string | undefined): string {
  const query = new URLSearchParams(route.value.query);
  if (value) query.set(name, value);
  else query.delete(name);
  return `${href(...route.value.path)}${query.size > 0 ? `?${query}` : ''}`;
}

/** Replaces the entry of the history, as for each letter of a search. */
export function replace(to: string): void {
  history.replaceState(null, '', to);
  hash.value = to;
}
