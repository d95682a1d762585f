import type { TenantDetail } from '../src/schemas/tenant.ts';
import { change, reason } from './change.ts';
import type { Question } from './parts/dialog.tsx';

/** Changes the name and the application's own columns and settings; what is not changed is not sent. */
export function edit({ id, name, etag, columns, config }: TenantDetail): Question {
  const own = { columns, config };
  const shown = Object.entries(own).flatMap(([kind, settings]) =>
    Object.entries(settings).map(([key, value]) => ({ kind, key, value, name: `${kind}.${key}` })),
  );
  return {
    title: `Edit ${name}`,
    says: 'Changes the record of the tenant. If somebody else has changed it since you read it, nothing is changed.',
    button: 'Save',
    fields: [
      { name: 'name', label: 'Name', value: name },
      ...shown.map((each) => ({ name: each.name, label: each.key, value: textOf(each.value), optional: true })),
      reason,
    ],
    run(values) {
      const changed = shown.filter((each) => isChanged(values[each.name], textOf(each.value)));
      const of = (kind: string) => changed.filter((each) => each.kind === kind);
      const patch = (kind: string) =>
        Object.fromEntries(of(kind).map((each) => [each.key, typedValue(values[each.name] ?? '', each.value)]));
      const body = {
        ...(isChanged(values['name'], name) && { name: values['name'] }),
        ...(of('columns').length > 0 && { columns: patch('columns') }),
        ...(of('config').length > 0 && { config: patch('config') }),
        ...(values['reason'] && { reason: values['reason'] }),
      };
      return change('PATCH', `tenants/${id}`, body, etag);
    },
  };
}

export const textOf = (value: unknown): string => {
  if (value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
};

/** Whether something else was typed. Browsers write the ends of lines in their own way. */
function isChanged(typed: string | undefined, shown: string): boolean {
  return linesOf(typed ?? '') !== linesOf(shown);
}

const linesOf = (text: string): string => text.replaceAll(/\r\n?/g, '\n');

/** What was typed, as a value like the one before; nothing is null. */
function typedValue(typed: string, before: unknown): unknown {
  if (typed === '') return null;
  if (typeof before === 'string') return linesOf(typed);
  try {
    return JSON.parse(typed);
  } catch {
    return typed;
  }
}
