/** `j` and `k` move the focus through the links of a list, which are marked `data-row`; Enter then follows the link. */
export function startKeys(openSearch: () => void): void {
  addEventListener('keydown', (event) => {
    const { key, target, ctrlKey, metaKey, altKey } = event;
    if (key === 'k' && (ctrlKey || metaKey)) return act(event, openSearch);
    if (ctrlKey || metaKey || altKey || isField(target) || document.querySelector('dialog[open]')) return;
    if (key === '/') return act(event, openSearch);
    if (key === 'j' || key === 'k') return act(event, () => moveFocus(key === 'j' ? 1 : -1));
  });
}

function act(event: KeyboardEvent, run: () => void): void {
  event.preventDefault();
  run();
}

const isField = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && target.matches('input, textarea, select');

function moveFocus(by: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-row]')];
  const at = rows.indexOf(document.activeElement as HTMLElement);
  const next = at < 0 ? 0 : Math.min(Math.max(at + by, 0), rows.length - 1);
  rows[next]?.focus();
  rows[next]?.scrollIntoView({ block: 'nearest' });
}
