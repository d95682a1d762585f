import type { Operation } from '../src/schemas/operation.ts';
import { send } from './api.ts';
import type { Field } from './parts/dialog.tsx';
import { follow } from './parts/operations.tsx';

/** What was filled in, by the names of the fields. */
export type Values = Readonly<Record<string, string>>;

/** Why, which any change may say. */
export const reason: Field = { name: 'reason', label: 'Reason', hint: 'Kept in the audit.', optional: true };

/** Where a tenant's rows are to be. */
export const target: readonly Field[] = [
  { name: 'isolation', label: 'Isolation', choices: ['', 'schema', 'database', 'row'], optional: true },
  { name: 'server', label: 'Server', optional: true },
  { name: 'database', label: 'Database', optional: true },
  { name: 'schema', label: 'Schema', optional: true },
];

/** Whether a tenant is written to while it is moved. */
export const online: Field = {
  name: 'online',
  label: 'Writes meanwhile',
  choices: ['', 'required', 'never'],
  optional: true,
};

/** Sends a change, and follows the operation where it takes its time. */
export async function change(
  method: 'POST' | 'PATCH' | 'DELETE',
  path: string,
  body: object,
  etag?: string,
): Promise<void> {
  const answer = await send<Operation | undefined>(method, path, body, etag);
  if (answer && 'startedAt' in answer) follow(answer);
}

/** The values without those that were left empty. */
export function given(values: Readonly<Record<string, string | undefined>>): Values {
  return Object.fromEntries(Object.entries(values).filter((entry): entry is [string, string] => Boolean(entry[1])));
}

/** With where the rows are to be as one value. */
export function placed({ server, database, schema, ...rest }: Values): object {
  const placement = given({ server, database, schema });
  return { ...rest, ...(Object.keys(placement).length > 0 && { placement }) };
}
