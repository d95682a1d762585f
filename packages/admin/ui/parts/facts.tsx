import type { ComponentChildren } from 'preact';
import { count } from './format.tsx';

/** Names with what they say; those that say nothing are left out. */
export function Facts({ of }: { of: Readonly<Record<string, ComponentChildren>> }) {
  return (
    <dl class="facts">
      {Object.entries(of).map(([name, fact]) => fact && <Pair key={name} name={name} says={fact} />)}
    </dl>
  );
}

/** Numbers with their names. Those in `warns` stand out where they are not 0. */
export function Figures({ of, warns = [] }: { of: Readonly<Record<string, number>>; warns?: readonly string[] }) {
  return (
    <dl class="numbers">
      {Object.entries(of).map(([name, value]) => (
        <Pair key={name} name={name} says={count(value)} kind={value > 0 && warns.includes(name) ? 'warns' : ''} />
      ))}
    </dl>
  );
}

function Pair({ name, says, kind }: { name: string; says: ComponentChildren; kind?: string }) {
  return (
    <div class={kind}>
      <dt>{name}</dt>
      <dd>{says}</dd>
    </div>
  );
}
