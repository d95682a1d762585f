/**
 * What an error says of a record, without what is in the record: a column may be hidden, and the message is kept in the audit. After its first
 * line, and in its details, PostgreSQL's error has the whole row; errors of class 22 and MikroORM's have the value.
 */
export function withoutValues(error: Error): Error {
  const { name, code, table, column, constraint } = error as Error & Readonly<Record<string, unknown>>;
  const [line = ''] = error.message.replace(/ to '.*' of type /s, ' to a value of type ').split('\n');
  const message = String(code).startsWith('22') ? line.replace(/"[^"]*"/g, '"…"') : line;
  const known = Object.entries({ name, code, table, column, constraint }).filter(([, value]) => value !== undefined);
  return Object.assign(new Error(message), Object.fromEntries(known));
}
