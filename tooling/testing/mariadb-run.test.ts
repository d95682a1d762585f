import { randomBytes } from 'node:crypto';
import { afterAll, expect, test } from 'vitest';
import { onMariadb } from '../services/mariadb.ts';
import { openMariadbRun } from './mariadb-run.ts';

const url = process.env.MARIADB_URL ?? 'mysql://root@127.0.0.1:3306';
const [prefix, later, dead] = [1, 2, 3].map(() => `omni_test_${randomBytes(4).toString('hex')}_`) as [
  string,
  string,
  string,
];
const run = await openMariadbRun(prefix);
afterAll(() => run?.end());

const named = async (start: string) =>
  (
    await onMariadb(
      url,
      `select schema_name as name from information_schema.schemata where left(schema_name, ${start.length}) = '${start}'`,
    )
  ).map(({ name }) => name);

test.skipIf(run === undefined)(
  `a run ends with an error that names what was left on MariaDB, and removes it; one that begins removes what a killed one left ${run ? '' : '(no MariaDB that is shared)'}`,
  async () => {
    await onMariadb(url, `create database ${dead}left`, `create database ${prefix}used`);
    const next = await openMariadbRun(later);
    expect(await named(dead)).toEqual([]);
    expect(await named(prefix)).toEqual([`${prefix}used`]);
    await onMariadb(url, `drop database ${prefix}used`, `create user ${later}user`);
    await expect(next?.end()).rejects.toThrow(`The tests left behind in MariaDB (removed now): user "${later}user".`);
  },
);
