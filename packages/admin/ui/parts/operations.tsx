import { signal } from '@preact/signals';
import type { Operation } from '../../src/schemas/operation.ts';
import { apiUrl, changes } from '../api.ts';

const operations = signal<readonly Operation[]>([]);

/** The operation as it was last heard of. */
export const live = (known: Operation): Operation => operations.value.find(({ id }) => id === known.id) ?? known;

/** Follows an operation by its events until it has ended. One that is followed already is left alone. */
export function follow(begun: Operation): void {
  if (operations.peek().some(({ id }) => id === begun.id)) return;
  const events = new EventSource(apiUrl(`operations/${begun.id}/events`));
  show(begun);
  events.addEventListener('operation', ({ data }) => {
    const operation = JSON.parse(data) as Operation;
    show(operation);
    if (operation.status === 'running') return;
    events.close();
    changes.value++;
    setTimeout(dismiss, operation.status === 'succeeded' ? 4_000 : 60_000, operation.id);
  });
}

function show(operation: Operation): void {
  operations.value = [...operations.value.filter(({ id }) => id !== operation.id), operation];
}

function dismiss(ended: string): void {
  operations.value = operations.value.filter(({ id }) => id !== ended);
}

/** The operations under way, and those that have just ended. */
export function Operations() {
  return (
    <ul class="operations" aria-live="polite">
      {operations.value.map(({ id, verb, tenant, status, error }) => (
        <li key={id} class={status}>
          <span>
            <b>{verb}</b> {tenant} {status === 'running' ? '…' : status}
            {error && <small>{error.message}</small>}
          </span>
          <button type="button" aria-label="Dismiss" onClick={() => dismiss(id)}>
            ×
          </button>
        </li>
      ))}
    </ul>
  );
}
