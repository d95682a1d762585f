import { defineConfig, MikroORM, RequestContext } from '@mikro-orm/mariadb';
import { Migration } from '@mikro-orm/migrations';
import { createTenancy } from '@omnitenant/core';
import { createMariadb } from '@omnitenant/mariadb';
import type { Round } from './figure.ts';
import { entities, inTurns, type Read, readFrom, tables, timed } from './six-entities.ts';
import { answer } from './worker.ts';
import { tenantId } from './workload.ts';

export type MariadbCalls = typeof calls;

export interface MariadbTimes {
  /** Milliseconds for each new tenant, with its record, its database and its user. */
  readonly made: number;
  /** Milliseconds for one change in all tenants. */
  readonly changed: number;
  /** Scopes a second: each in the next tenant, and each in a request context of MikroORM by itself, with one of the tenants' databases. */
  readonly reads: readonly Round[];
  /** The same where one tenant asks. */
  readonly one: readonly Round[];
}

class CreateTables extends Migration {
  override up(): void {
    for (const table of tables) {
      this.addSql(`create table ${table} (id int auto_increment primary key, title varchar(255) not null)`);
      this.addSql(`insert into ${table} (title) values ('the first')`);
    }
  }
}
class AddColumn extends Migration {
  override up(): void {
    this.addSql('alter table task add column priority int not null default 0, add index task_priority (priority)');
  }
}

/** The connections of each side, and how many requests there are at a time. */
const connections = 20;
const requests = 16;

const calls = {
  /** Makes tenants, changes and reads them. What is made has names that begin with that of central's database. */
  async measure({ url, dbName, tenants, asked, rounds, reads }: Asked): Promise<MariadbTimes> {
    const about = { clientUrl: url, entities };
    const open = async (migrationsList: readonly (typeof CreateTables)[]) => {
      const orm = await createMariadb(
        defineConfig({ ...about, dbName, migrations: { migrationsList: [...migrationsList] } }),
        { logins: { secret: 'a secret of benchmarks, and of no use elsewhere' }, connections: { max: connections } },
      );
      return { orm, tenancy: createTenancy({ resources: [orm] }) };
    };
    const before = await open([CreateTables]);
    await before.tenancy.tenants.create({ id: 'warm-up' });
    const made = await timed(async () => {
      for (let n = 1; n <= tenants; n += 1) await before.tenancy.tenants.create({ id: tenantId(n) });
    });
    await before.tenancy.close();

    const { orm, tenancy } = await open([CreateTables, AddColumn]);
    const changed = await timed(() => orm.migrations.up());
    let next = 0;
    const scopeOf = (n: number) => tenancy.run(tenantId(n), () => readFrom(orm.em as unknown as Read));
    const inTenancy = () => scopeOf(1 + (next++ % Math.min(asked, tenants)));
    const inFirst = () => orm.em.execute<{ name: string }[]>('select database() as name');
    const [{ name: first } = { name: '' }] = await tenancy.run(tenantId(1), inFirst);
    const plain = await MikroORM.init(defineConfig({ ...about, dbName: first, pool: { max: connections } }));
    const inPlain = () => RequestContext.create(plain.em, () => readFrom(plain.em));
    const perSecond = async (request: () => Promise<void>): Promise<number> => {
      let left = reads;
      const ms = await timed(() =>
        Promise.all(
          Array.from({ length: requests }, async () => {
            while (left-- > 0) await request();
          }),
        ),
      );
      return (reads * 1_000) / ms;
    };
    const compare = (request: () => Promise<void>): Promise<Round[]> =>
      inTurns(
        rounds,
        () => perSecond(request),
        () => perSecond(inPlain),
      );
    const [many, one] = [await compare(inTenancy), await compare(() => scopeOf(1))];
    await Promise.all([tenancy.close(), plain.close()]);
    return { made: made / tenants, changed, reads: many, one };
  },
};

interface Asked {
  /** The server, as a user that may create databases and users. */
  readonly url: string;
  readonly dbName: string;
  readonly tenants: number;
  /** How many of them are asked for in turn. */
  readonly asked: number;
  readonly rounds: number;
  /** Scopes in a round. */
  readonly reads: number;
}

answer(calls);
