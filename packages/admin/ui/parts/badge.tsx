import { tone } from './tone.ts';

/** A tenant's status, told by its word and by a colour. */
export function Status({ status }: { status: string }) {
  return (
    <span class={`badge ${status === 'failed' ? 'bad' : ''}`} style={tone(status)}>
      {status}
    </span>
  );
}

/** The last migration that a tenant has, and whether the code has a later one. */
export function Version({ version, latest }: { version: string | null; latest: string | null }) {
  const isBehind = latest !== null && version !== null && version !== latest;
  return (
    <span class="mono version" title={version ?? 'unknown'}>
      <span>{shortName(version ?? 'unknown')}</span>
      {isBehind && <span class="tag warn">behind</span>}
    </span>
  );
}

/** `Migration20260212093000_add_task_done` without what all names begin with. */
export const shortName = (migration: string): string => migration.replace(/^Migration(?=\d)/, '');
