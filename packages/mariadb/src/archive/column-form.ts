/** A column as an archive has it: its name, and its type as MariaDB writes it. */
export interface ArchivedColumn {
  readonly name: string;
  readonly type: string;
}

/** How the values of a type are written: as the text that MariaDB shows, as a float, or as bytes. */
type Form = 'text' | 'float' | 'bytes';

const types: Readonly<Record<Form, readonly string[]>> = {
  text: [
    ...['tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'decimal', 'double'],
    ...['date', 'time', 'datetime', 'timestamp', 'year', 'uuid', 'inet4', 'inet6'],
    ...['char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext', 'enum', 'set'],
  ],
  float: ['float'],
  bytes: [
    ...['bit', 'binary', 'varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob', 'geometry', 'point', 'linestring'],
    ...['polygon', 'multipoint', 'multilinestring', 'multipolygon', 'geometrycollection'],
  ],
};

const forms: ReadonlyMap<string, Form> = new Map(
  (Object.entries(types) as [Form, readonly string[]][]).flatMap(([form, names]) => names.map((name) => [name, form])),
);

/** The form of a type's values; `undefined` for a type that nobody knows to be exact. */
export function formOf(type: string): Form | undefined {
  return forms.get(/^\w+/.exec(type)?.[0] ?? '');
}
