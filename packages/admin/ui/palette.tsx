import { signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import type { TenantSummary } from '../src/schemas/tenant.ts';
import { apiUrl, useGet } from './api.ts';
import { Status } from './parts/badge.tsx';
import { Modal } from './parts/dialog.tsx';
import { href } from './router.ts';
import { places } from './shell.tsx';

const open = signal(false);

export const openPalette = (): void => {
  open.value = true;
};

/** Goes to any tenant or place by some letters of its name. */
export function Palette() {
  return open.value ? <Search close={() => (open.value = false)} /> : null;
}

function Search({ close }: { close(): void }) {
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const [entered, enter] = useState(false);
  const typed = text.trim().toLowerCase();
  const url = apiUrl('tenants', { search: useSettled(typed), limit: '8' });
  const found = useGet<{ tenants: TenantSummary[] }>(url);
  // What was found for other letters is not offered: Enter would lead to a tenant that nobody has asked for.
  const isCurrent = found.url === apiUrl('tenants', { search: typed, limit: '8' });
  const options = [...placesCalled(typed), ...(isCurrent ? (found.value?.tenants ?? []).map(optionOf) : [])];
  const chosen = options[Math.min(at, options.length - 1)];
  const go = (to: string | undefined) => {
    if (to) location.hash = to;
    close();
  };
  useEffect(() => {
    if (entered && isCurrent) go(chosen?.to);
  }, [entered, isCurrent]);
  function onKeyDown(event: KeyboardEvent) {
    if (event.key === 'Enter') return enter(true);
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    setAt((at + by + options.length) % Math.max(1, options.length));
  }
  return (
    <Modal label="Search" close={close} wide>
      <input
        class="palette"
        role="combobox"
        aria-expanded="true"
        aria-controls="found"
        aria-activedescendant={chosen?.id ?? ''}
        aria-label="Search tenants and places"
        placeholder="Search tenants and places…"
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setAt(0);
          enter(false);
        }}
        onKeyDown={onKeyDown}
      />
      <div role="listbox" id="found" class="found" aria-label="Found">
        {options.map(({ id, to, label, note, status }) => (
          <div
            key={id}
            id={id}
            role="option"
            tabIndex={-1}
            aria-selected={id === chosen?.id}
            onMouseDown={() => go(to)}
          >
            <span>{label}</span>
            <small>{note}</small>
            {status && <Status status={status} />}
          </div>
        ))}
      </div>
      {isCurrent && options.length === 0 && <p class="quiet">Nothing is called that.</p>}
    </Modal>
  );
}

interface Option {
  readonly id: string;
  readonly to: string;
  readonly label: string;
  readonly note: string;
  readonly status?: string;
}

const placesCalled = (typed: string): Option[] =>
  places
    .filter(({ title }) => title.toLowerCase().startsWith(typed))
    .map(({ title, path }) => ({ id: title, to: href(...path), label: title, note: 'place' }));

function optionOf({ id, name, status }: TenantSummary): Option {
  return { id: `t-${id}`, to: href('tenants', id), label: name, note: id, status };
}

/** The text once nothing was typed for a moment. */
export function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(setSettled, 120, text);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}
