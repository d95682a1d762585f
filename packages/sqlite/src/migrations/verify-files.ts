import type { Tenant } from '@omnitenant/core';
import type { VerifyOptions, VerifyReport } from '@omnitenant/orm';
import { type ComparedSchema, type Ledger, verifyDatabases } from '@omnitenant/orm/extend';
import { templateBytes } from '../files/template.ts';
import type { NativeDatabase } from '../handles/native.ts';
import type { TenantFile } from '../handles/tenant-file.ts';

/** What the tenants' files are compared with. */
export interface VerifiedFiles {
  readonly ledger: Ledger;
  readonly appliedTo: (tenant: Tenant) => Promise<readonly string[]>;
  readonly fileOf: (tenant: Tenant) => TenantFile;
  readonly openAt: (path: string) => NativeDatabase;
  /** Makes a file with these migrations. */
  readonly expected: (applied: readonly string[], path: string) => Promise<void>;
  readonly names: readonly string[];
}

const schemaQuery =
  "select type, name, sql from sqlite_schema where sql is not null and name not like 'sqlite\\_%' escape '\\'";

const messages = {
  gone: 'The file is gone. Import an archive of the tenant, or remove the tenant.',
  unreadable: 'SQLite cannot read the file',
};

/** Compares the tables, indexes, views and triggers of each tenant's file with what its migrations make, and has SQLite check its pages. */
export function verifyFiles(files: VerifiedFiles, options: VerifyOptions): Promise<VerifyReport> {
  const { ledger, names, appliedTo, fileOf } = files;
  return verifyDatabases(
    {
      ledger,
      names,
      appliedTo,
      messages,
      async schemaOf(tenant) {
        const { rows } = await fileOf(tenant).execute('pragma quick_check(1)');
        const [check] = rows as { quick_check: string }[];
        if (check?.quick_check !== 'ok') throw new Error(String(check?.quick_check));
        return schemaIn((await fileOf(tenant).execute(schemaQuery)).rows as SchemaRow[]);
      },
      expectedOf: (applied) => expectedSchema(files, applied),
    },
    options,
  );
}

async function expectedSchema(
  { expected, openAt }: VerifiedFiles,
  applied: readonly string[],
): Promise<ComparedSchema> {
  let schema: ComparedSchema = new Map();
  await templateBytes(async (path) => {
    await expected(applied, path);
    const database = openAt(path);
    try {
      schema = schemaIn(database.prepare(schemaQuery).all() as SchemaRow[]);
    } finally {
      database.close();
    }
  });
  return schema;
}

interface SchemaRow {
  readonly type: string;
  readonly name: string;
  readonly sql: string;
}

function schemaIn(rows: readonly SchemaRow[]): ComparedSchema {
  return new Map(rows.map(({ type, name, sql }) => [`${type} "${name}"`, sql.replaceAll(/\s+/g, ' ').trim()]));
}
