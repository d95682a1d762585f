import { TenancyError } from '@omnitenant/core';
import { quoteName } from '../sql/quote.ts';
import type { AdminSession } from './admin.ts';
import { centralVersion, makeTables } from './central-tables.ts';

/** The oldest MariaDB whose DDL is atomic: a statement that a crash cuts short has done all or nothing. */
const oldest = [10, 6] as const;

/** Checks the server, and makes central's database and its tables. */
export async function openCentral(session: AdminSession, database: string): Promise<void> {
  const server = await session.get<{ version: string; mode: string }>(
    'select version() as version, @@global.sql_mode as mode',
  );
  requireMariadb(server?.version ?? '');
  if (/NO_BACKSLASH_ESCAPES/i.test(server?.mode ?? '')) throw unquotable();
  await session.run(`create database if not exists ${quoteName(database)} character set utf8mb4`);
  await session.run(`use ${quoteName(database)}`);
  for (const sql of makeTables) await session.run(sql);
  const counter = await session.get<{ version: number }>('select version from counter where one = 1');
  if ((counter?.version ?? 0) > centralVersion) throw newerCode(database);
}

function requireMariadb(version: string): void {
  const [, major = '0', minor = '0'] = /^(?:5\.5\.5-)?(\d+)\.(\d+)/.exec(version) ?? [];
  const isOld = Number(major) < oldest[0] || (Number(major) === oldest[0] && Number(minor) < oldest[1]);
  if (/mariadb/i.test(version) && !isOld) return;
  throw new TenancyError(
    'CONFIG_INVALID',
    `createMariadb() needs MariaDB ${oldest.join('.')} or later, and the server is "${version}". Other servers were not tested.`,
  );
}

function unquotable(): TenancyError {
  return new TenancyError(
    'CONFIG_INVALID',
    'The sql_mode of the server has NO_BACKSLASH_ESCAPES, with which MikroORM and mysql2 do not quote values safely. Remove it.',
  );
}

function newerCode(database: string): TenancyError {
  return new TenancyError(
    'CENTRAL_INCOMPLETE',
    `The tables of central in "${database}" were made by a newer version of @omnitenant/mariadb. Use that version, or one that is later.`,
  );
}
