import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Migration } from '@mikro-orm/migrations';
import { defineConfig, MikroORM, RequestContext } from '@mikro-orm/sqlite';
import { createTenancy } from '@omnitenant/core';
import { createSqlite } from '@omnitenant/sqlite';
import type { Round } from './figure.ts';
import { entities, inTurns, type Read, readFrom, tables, timed } from './six-entities.ts';
import { answer } from './worker.ts';
import { tenantId } from './workload.ts';

export type SqliteCalls = typeof calls;

export interface SqliteTimes {
  /** Milliseconds for each new tenant, with its record and its file. */
  readonly made: number;
  /** Milliseconds for one change in all tenants. */
  readonly changed: number;
  /** Reads a second: each in a scope of the next tenant, and each in a request context of MikroORM by itself, on one file. */
  readonly reads: readonly Round[];
}

export interface ManyFiles {
  /** The descriptors that the process had at most. */
  readonly descriptors: number;
  /** Milliseconds for each scope that reads in a file that is closed. */
  readonly cold: number;
}

class CreateTables extends Migration {
  override up(): void {
    for (const table of tables) {
      this.addSql(`create table ${table} (id integer primary key, title text not null)`);
      this.addSql(`insert into ${table} (title) values ('the first')`);
    }
  }
}
class AddColumn extends Migration {
  override up(): void {
    this.addSql('alter table task add column priority integer not null default 0');
    this.addSql('create index task_priority on task (priority)');
  }
}

const calls = {
  /** Makes tenants, changes and reads them, all in a folder of its own, which is gone afterwards. */
  async measure({ tenants, rounds, reads }: Asked): Promise<SqliteTimes> {
    const folder = mkdtempSync(join(tmpdir(), 'omnitenant-bench-'));
    const open = async (migrationsList: readonly (typeof CreateTables)[]) => {
      const config = defineConfig({ entities, migrations: { migrationsList: [...migrationsList] } });
      const orm = await createSqlite(config, { folder: join(folder, 'tenants'), openFiles: tenants });
      return { orm, tenancy: createTenancy({ resources: [orm] }) };
    };
    try {
      const before = await open([CreateTables]);
      await before.tenancy.tenants.create({ id: 'template' });
      const made = await timed(async () => {
        for (let n = 1; n <= tenants; n += 1) await before.tenancy.tenants.create({ id: tenantId(n) });
      });
      await before.tenancy.close();

      const { orm, tenancy } = await open([CreateTables, AddColumn]);
      const changed = await timed(() => orm.migrations.up());
      const asked = Math.min(200, tenants);
      let next = 0;
      const inTenancy = () => tenancy.run(tenantId(1 + (next++ % asked)), () => readFrom(orm.em as unknown as Read));
      const plain = await MikroORM.init(defineConfig({ dbName: join(folder, 'plain.sqlite'), entities }));
      await plain.schema.create();
      for (const entity of entities) await plain.em.fork().insert(entity, { title: 'the first' });
      const inPlain = () => RequestContext.create(plain.em, () => readFrom(plain.em));
      const rate = async (read: () => Promise<void>): Promise<number> => {
        const ms = await timed(async () => {
          for (let n = 0; n < reads; n += 1) await read();
        });
        return (reads * 1_000) / ms;
      };
      const measured = await inTurns(
        rounds,
        () => rate(inTenancy),
        () => rate(inPlain),
      );
      await Promise.all([tenancy.close(), plain.close()]);
      return { made: made / tenants, changed, reads: measured };
    } finally {
      rmSync(folder, { recursive: true });
    }
  },

  /** Makes tenants, and then reads and writes in each once, so many at a time. Few files stay open. */
  async many({ tenants, openFiles }: { readonly tenants: number; readonly openFiles: number }): Promise<ManyFiles> {
    const folder = mkdtempSync(join(tmpdir(), 'omnitenant-bench-'));
    try {
      const config = defineConfig({ entities, migrations: { migrationsList: [CreateTables] } });
      const orm = await createSqlite(config, { folder, openFiles });
      const tenancy = createTenancy({ resources: [orm] });
      for (let n = 1; n <= tenants; n += 1) await tenancy.tenants.create({ id: tenantId(n) });
      let descriptors = 0;
      const visit = (id: string) =>
        tenancy.run(id, async () => {
          await readFrom(orm.em as unknown as Read);
          await orm.em.transactional((em) => em.insert(entities[2] as never, { title: `of ${id}` } as never));
          descriptors = Math.max(descriptors, readdirSync('/proc/self/fd').length);
        });
      const ms = await timed(async () => {
        for (let n = 1; n <= tenants; n += openFiles) {
          const ids = Array.from({ length: Math.min(openFiles, tenants - n + 1) }, (_, m) => tenantId(n + m));
          await Promise.all(ids.map(visit));
        }
      });
      await tenancy.close();
      return { descriptors, cold: ms / tenants };
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

interface Asked {
  readonly tenants: number;
  readonly rounds: number;
  /** Reads in a round. */
  readonly reads: number;
}

answer(calls);
