import { useEffect, useState } from 'preact/hooks';
import type { Operation } from '../../src/schemas/operation.ts';
import { apiUrl, useGet } from '../api.ts';
import { count, When } from './format.tsx';
import { follow, live } from './operations.tsx';
import { Show } from './states.tsx';

interface Page {
  readonly operations: readonly Operation[];
  readonly next: string | null;
}

/** The latest operations of a tenant, or of the whole fleet, each as it goes on. */
export function Runs({ tenant }: { tenant?: string }) {
  const recent = useGet<Page>(apiUrl('operations', { tenant, limit: tenant ? '5' : '200' }), 10_000);
  const runs = recent.value?.operations.filter((run) => run.tenant === (tenant ?? null)).slice(0, 5);
  useEffect(() => runs?.filter(({ status }) => status === 'running').forEach(follow), [recent.value]);
  return (
    <Show of={recent}>
      {() => (
        <>
          {runs?.length === 0 && (
            <p class="quiet empty">{recent.value?.next ? 'None among the last 200 operations.' : 'None yet.'}</p>
          )}
          {runs?.map((run) => (
            <Run key={run.id} {...live(run)} />
          ))}
        </>
      )}
    </Show>
  );
}

const tones = { running: '', succeeded: 'good', failed: 'bad' } as const;

function Run({ verb, status, progress, actor, startedAt, error, result }: Operation) {
  const [shown, show] = useState(false);
  const share = status === 'succeeded' ? 100 : (100 * (progress?.done ?? 0)) / (progress?.total || 1);
  return (
    <article class={`run ${status}`}>
      <p>
        <b>{verb}</b> <span class={`tag ${tones[status]}`}>{status}</span>
        <small>
          {actor}, <When at={startedAt} />
        </small>
      </p>
      <div class="bar" role="progressbar" aria-valuenow={Math.round(share)} aria-label={verb}>
        <i style={{ width: `${share}%` }} />
      </div>
      {progress && (
        <p class="quiet">
          {count(progress.done)} of {count(progress.total)}, {count(progress.failed)} failed
        </p>
      )}
      {error && <p class="bad">{error.message}</p>}
      {result !== null && (
        <button type="button" class="plain" aria-expanded={shown} onClick={() => show(!shown)}>
          Report
        </button>
      )}
      {shown && <pre>{JSON.stringify(result, null, 2)}</pre>}
    </article>
  );
}
