import type { ComponentChildren } from 'preact';
import { openPalette } from './palette.tsx';
import { href, route } from './router.ts';

export const places = [
  { title: 'Fleet', path: [], icon: 'M3 4h8v7H3zM13 4h8v7h-8zM3 13h8v7H3zM13 13h8v7h-8z' },
  { title: 'Migrations', path: ['migrations'], icon: 'M5 3v12m0 0 4-4m-4 4-4-4m9-8h13M10 9h10M14 15h6M5 21h15' },
  { title: 'Connections', path: ['connections'], icon: 'M2 16h4l3-12 5 17 3-9h5' },
  { title: 'Usage', path: ['usage'], icon: 'M4 20V10m6 10V4m6 16v-7m5 7H2' },
  { title: 'Audit', path: ['audit'], icon: 'M6 3h9l4 4v14H6zM9 11h7M9 15h7M9 7h3' },
] as const;

/** What all places share: the ways between them, the search, and who is asking. */
export function Shell({ operator, children }: { operator: string | undefined; children: ComponentChildren }) {
  const [first = ''] = route.value.path;
  const at = first === 'tenants' ? '' : first;
  return (
    <>
      <button type="button" class="skip" onClick={() => document.querySelector('main')?.focus()}>
        Skip to the content
      </button>
      <nav aria-label="Places">
        <a class="mark" href={href()}>
          <Icon d="M3 7.5 12 3l9 4.5-9 4.5zM3 12l9 4.5 9-4.5M3 16.5 12 21l9-4.5" />
          omnitenant
        </a>
        {places.map(({ title, path, icon }) => (
          <a key={title} href={href(...path)} {...((path[0] ?? '') === at && { 'aria-current': 'page' as const })}>
            <Icon d={icon} />
            <span>{title}</span>
          </a>
        ))}
        <button type="button" class="find" onClick={openPalette}>
          <Icon d="M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5 21 21" />
          <span>Search</span> <kbd>/</kbd>
        </button>
        {operator && (
          <p class="operator">
            <small>Signed in as</small>
            {operator}
          </p>
        )}
      </nav>
      <main tabIndex={-1}>{children}</main>
    </>
  );
}

function Icon({ d }: { d: string }) {
  return (
    <svg viewBox="0 0 24 24" aria-hidden="true">
      <path d={d} />
    </svg>
  );
}
