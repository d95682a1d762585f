import { href } from '../router.ts';
import { shortName } from './badge.tsx';
import { count } from './format.tsx';
import { tone } from './tone.ts';

type Counts = Readonly<Record<string, number>>;

/** Counts by name as bars that lead to the tenants counted. */
export function Bars({
  counts,
  filter,
  mark,
}: {
  counts: Counts;
  filter?: string;
  mark?: (name: string) => string | undefined;
}) {
  const entries = Object.entries(counts).sort((a, b) => b[1] - a[1]);
  const most = Math.max(1, ...entries.map(([, value]) => value));
  return (
    <ul class="bars">
      {entries.map(([name, value]) => (
        <li key={name}>
          <a {...(filter && { href: `${href()}?${new URLSearchParams({ [filter]: name })}` })}>
            <span class="name">
              {shortName(name)} {mark?.(name) && <small>{mark(name)}</small>}
            </span>
            <span class="value">{count(value)}</span>
            <span class="bar">
              <i style={{ width: `${(100 * value) / most}%` }} />
            </span>
          </a>
        </li>
      ))}
    </ul>
  );
}

/** Counts by status as one bar of their shares, and a legend that leads to the tenants counted. */
export function Shares({ counts }: { counts: Counts }) {
  const entries = Object.entries(counts).filter(([, value]) => value > 0);
  return (
    <>
      <div class="shares" aria-hidden="true">
        {entries.map(([name, value]) => (
          <i key={name} style={{ flexGrow: value, ...tone(name) }} />
        ))}
      </div>
      <ul class="legend">
        {entries.map(([name, value]) => (
          <li key={name}>
            <a href={`${href()}?status=${name}`}>
              <i style={tone(name)} />
              {name} <b>{count(value)}</b>
            </a>
          </li>
        ))}
      </ul>
    </>
  );
}
