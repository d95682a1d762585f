import type { AuditEntry } from '../../src/schemas/audit.ts';
import { apiUrl, usePages } from '../api.ts';
import { href } from '../router.ts';
import { When } from './format.tsx';
import { ErrorNote } from './states.tsx';
import { tone } from './tone.ts';

/** Who did what, when and why, newest first; of one tenant or of all. */
export function AuditList({ tenant, limit, paged }: { tenant: string | undefined; limit: number; paged?: boolean }) {
  const url = apiUrl('audit', { tenant, limit: String(limit) });
  const { items, isLoaded, error, loadMore } = usePages<'entries', AuditEntry>(url, 'entries', 15_000);
  return (
    <>
      {error && <ErrorNote error={error} />}
      {isLoaded && items.length === 0 && <p class="quiet empty">Nothing is recorded.</p>}
      <ol class="audit">
        {items.filter(isLatestOfCall).map((entry) => (
          <Entry key={entry.id} {...entry} hideTenant={tenant !== undefined} />
        ))}
      </ol>
      {paged && loadMore && (
        <footer class="more">
          <button type="button" onClick={loadMore}>
            Show older
          </button>
        </footer>
      )}
    </>
  );
}

/** That a verb began is told by how it has ended, once it has. */
const isLatestOfCall = ({ call, outcome }: AuditEntry, _index: number, all: readonly AuditEntry[]): boolean =>
  outcome !== 'began' || !all.some((other) => other.call === call && other.outcome !== 'began');

const outcomes = {
  began: ['', 'archived'],
  done: ['good', 'active'],
  failed: ['bad', 'failed'],
  vetoed: ['warn', 'suspended'],
} as const;

function Entry({
  at,
  verb,
  tenant,
  actor,
  reason,
  outcome,
  before,
  after,
  error,
  hideTenant,
}: AuditEntry & { hideTenant: boolean }) {
  const changed = changesOf(before, after);
  const [kind, color] = outcomes[outcome];
  return (
    <li>
      <i class="dot" style={tone(color)} />
      <div>
        <p>
          <b>{verb}</b>{' '}
          {tenant && !hideTenant && (
            <a data-row href={href('tenants', tenant)}>
              {tenant}
            </a>
          )}{' '}
          <span class={`tag ${kind}`}>{outcome}</span>
        </p>
        <p class="quiet">
          {actor ?? 'the application'}
          {reason && <q>{reason}</q>}
        </p>
        {error && <p class="bad">{error.message}</p>}
        {changed.length > 0 && (
          <details>
            <summary>{changed.map(({ name }) => name).join(', ')}</summary>
            <ul class="diff">
              {changed.map(({ name, from, to }) => (
                <li key={name}>
                  {name}: <del>{from}</del> → <ins>{to}</ins>
                </li>
              ))}
            </ul>
          </details>
        )}
      </div>
      <When at={at} />
    </li>
  );
}

/** What differs between the records before and after, but for when they were changed. */
function changesOf(before: unknown, after: unknown): { name: string; from: string; to: string }[] {
  if (!isRecord(before) || !isRecord(after)) return [];
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((name) => name !== 'updatedAt' && text(before[name]) !== text(after[name]))
    .map((name) => ({ name, from: text(before[name]), to: text(after[name]) }));
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

const text = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? '–'));
