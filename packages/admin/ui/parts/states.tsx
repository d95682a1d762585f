import type { ComponentChildren } from 'preact';
import type { Loaded } from '../api.ts';

/** Shows what was loaded; until then that it loads, and what went wrong. */
export function Show<T>({ of, children }: { of: Loaded<T>; children: (value: T) => ComponentChildren }) {
  return (
    <>
      {of.error && <ErrorNote error={of.error} />}
      {of.value === undefined ? !of.error && <p class="quiet loading">Loading…</p> : children(of.value)}
    </>
  );
}

export function ErrorNote({ error }: { error: Error & { code?: string } }) {
  return (
    <p class="note bad" role="alert">
      {error.message} {error.code && <code>{error.code}</code>}
    </p>
  );
}

export function Panel({
  title,
  aside,
  children,
}: {
  title: string;
  aside?: ComponentChildren;
  children: ComponentChildren;
}) {
  return (
    <section class="panel" aria-label={title}>
      <header>
        <h2>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}
