import { strict as assert } from 'node:assert';
import { Migration } from '@mikro-orm/migrations';
import type { SiteDatabase } from './site.ts';
import { openTenancy } from './tenancy.ts';
import { answer } from './worker.ts';
import { tenantId } from './workload.ts';

export interface DriftOptions {
  readonly database: SiteDatabase;
  readonly tenants: number;
  readonly rounds: number;
}

export type DriftCalls = typeof calls;

const tables = ['author', 'book', 'loan', 'member'];

class CreateTables extends Migration {
  override up(): void {
    for (const name of tables) {
      this.addSql(`create table ${name} (id serial primary key, name text not null, since timestamptz default now())`);
      this.addSql(`create index ${name}_name on ${name} (name)`);
    }
  }
}

const calls = {
  /** Seconds to compare schemas of four tables with their migrations, one of which somebody has tampered with. */
  async measure({ database, tenants, rounds }: DriftOptions): Promise<number[]> {
    const migrations = [{ name: CreateTables.name, class: CreateTables }];
    const { orm, tenancy } = await openTenancy({ ...database, migrations });
    await tenancy.migrateCentral();
    let next = 0;
    async function create(): Promise<void> {
      while (next < tenants) {
        next += 1;
        await tenancy.tenants.create({ id: tenantId(next) });
      }
    }
    await Promise.all(Array.from({ length: 4 }, create));
    const tampered = tenantId(1);
    await tenancy.run(tampered, () => orm.em.execute('drop index book_name'));
    await orm.migrations.verify();
    const times: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const began = performance.now();
      const { well, groups } = await orm.migrations.verify();
      times.push((performance.now() - began) / 1_000);
      assert.equal(well, tenants - 1);
      assert.deepEqual(groups[0]?.tenants, [tampered]);
    }
    await tenancy.close();
    return times;
  },
};

answer(calls);
