import 'reflect-metadata';
import assert from 'node:assert/strict';
import {
  type EntityManager as AnyEntityManager,
  defineEntity,
  type EntityRepository,
  MikroORM,
  p,
} from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';
import {
  InjectEntityManager,
  InjectMikroORM,
  InjectRepository,
  MikroOrmModule,
  type MikroOrmModuleSyncOptions,
} from '@mikro-orm/nestjs';
import { MikroORM as DriversORM, defineConfig, EntityManager } from '@mikro-orm/postgresql';
import {
  type CanActivate,
  Controller,
  Get,
  type INestApplication,
  Inject,
  Injectable,
  Module,
  type ModuleMetadata,
  type OnModuleInit,
  Param,
  Post,
  RequestMethod,
  UseGuards,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { createTenancy, fromHeader, isTenancyError, type Tenancy, type Tenant } from '@omnitenant/core';
import { createOrm } from '@omnitenant/orm';
import { type TestDatabase, testDatabase } from '@omnitenant/tooling';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CurrentTenant, ForEachTenant, TENANCY, TenancyModule, tenantCacheKey } from '../src/index.ts';

const TaskSchema = defineEntity({
  name: 'Task',
  properties: { id: p.integer().primary(), title: p.string() },
});
class Task extends TaskSchema.class {}
TaskSchema.setClass(Task);

class CreateTask extends Migration {
  override up() {
    this.addSql('create table task (id int generated always as identity primary key, title text not null)');
  }
}

@Injectable()
class Tasks implements OnModuleInit {
  readonly atStart: string[] = [];

  constructor(
    readonly em: EntityManager,
    @InjectRepository(Task) readonly tasks: EntityRepository<Task>,
    @Inject(TENANCY) readonly tenancy: Tenancy,
    readonly orm: MikroORM,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.tenancy.run('acme', async () => this.atStart.push(String(await this.em.count(Task))));
  }

  @ForEachTenant()
  async countAll(counts: Record<string, number>, fails?: string): Promise<void> {
    const { id } = this.tenancy.current();
    if (id === fails) throw new Error('out of tea');
    counts[id] = await this.tasks.count();
  }
}

@Injectable()
class KnowsTenant implements CanActivate {
  constructor(@Inject(TENANCY) readonly tenancy: Tenancy) {}

  canActivate(): boolean {
    return this.tenancy.tryCurrent() !== undefined;
  }
}

@Controller('tasks')
@UseGuards(KnowsTenant)
class TaskController {
  constructor(readonly tasks: Tasks) {}

  @Get()
  async list(@CurrentTenant() tenant: Tenant) {
    const titles = (await this.tasks.tasks.findAll({ orderBy: { id: 'asc' } })).map(({ title }) => title);
    return { tenant: tenant.id, titles, key: tenantCacheKey('/tasks')?.replace(/@\d+/, '') };
  }

  @Post(':title')
  async add(@Param('title') title: string) {
    this.tasks.em.create(Task, { title });
    await this.tasks.orm.em.flush();
    return this.list(this.tasks.tenancy.current());
  }
}

@Controller()
class HealthController {
  constructor(@Inject(TENANCY) readonly tenancy: Tenancy) {}

  @Get('health')
  health() {
    return { tenant: this.tenancy.tryCurrent() ?? null, key: tenantCacheKey('/health') ?? null };
  }
}

let database: TestDatabase;
let orm: Awaited<ReturnType<typeof start>>['orm'];
let tenancy: Tenancy;

async function start() {
  const made = await createOrm(
    defineConfig({ clientUrl: database.url, entities: [Task], migrations: { migrationsList: [CreateTask] } }),
  );
  return { orm: made, tenancy: createTenancy({ resources: [made], resolver: fromHeader('x-tenant') }) };
}

beforeAll(async () => {
  database = await testDatabase();
  const first = await start();
  await first.tenancy.migrateCentral();
  for (const id of ['acme', 'bloom']) await first.tenancy.tenants.create({ id });
  await first.tenancy.close();
});
afterAll(() => database.drop());
beforeEach(async () => {
  ({ orm, tenancy } = await start());
});
afterEach(() => tenancy.close());

async function open(module: ModuleMetadata['imports'], adapter?: FastifyAdapter): Promise<INestApplication> {
  @Module({
    imports: [...(module ?? []), MikroOrmModule.forFeature([Task])],
    controllers: [TaskController, HealthController],
    providers: [Tasks],
  })
  class AppModule {}
  const options = { logger: false, abortOnError: false } as const;
  return adapter === undefined
    ? NestFactory.create(AppModule, options)
    : NestFactory.create(AppModule, adapter, options);
}

const exclude = [{ path: 'health', method: RequestMethod.GET }] as const;

describe.each(['express', 'fastify'])('an application on %s', (platform) => {
  test('serves each tenant its own rows, to all that Nest injects', async () => {
    const app = await open(
      [TenancyModule.forRoot({ tenancy, orm, exclude: [...exclude] })],
      platform === 'fastify' ? new FastifyAdapter() : undefined,
    );
    await app.listen(0, '127.0.0.1');
    const url = await app.getUrl();
    const ask = async (path: string, tenant?: string, method = 'GET') => {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: tenant === undefined ? {} : { 'x-tenant': tenant },
      });
      return { status: response.status, body: (await response.json()) as { titles: string[] } };
    };
    const ids = ['acme', 'bloom'];
    await Promise.all(ids.map((id) => ask(`/tasks/of%20${id}%20${platform}`, id, 'POST')));
    for (const id of ids) {
      const { body } = await ask('/tasks', id);
      expect(body).toMatchObject({ tenant: id, key: `${id} /tasks` });
      expect(body.titles.every((title) => title.startsWith(`of ${id}`))).toBe(true);
      expect(body.titles).toContain(`of ${id} ${platform}`);
    }
    expect(await ask('/tasks', 'nobody')).toEqual({
      status: 404,
      body: { statusCode: 404, code: 'TENANT_UNKNOWN', message: 'Not Found', error: 'Not Found' },
    });
    expect((await ask('/tasks')).status).toBe(400);
    expect(await ask('/health')).toEqual({ status: 200, body: { tenant: null, key: null } });
    expect(app.get(Tasks).atStart).toHaveLength(1);
    await app.close();
    await expect(tenancy.run('acme', () => orm.em.count(Task))).rejects.toThrow();
  });
});

test('options may come from a factory', async () => {
  const settings = { provide: 'tenancy', useFactory: () => ({ tenancy, orm }) };
  @Module({ providers: [settings], exports: ['tenancy'] })
  class SettingsModule {}
  const app = await open([
    TenancyModule.forRootAsync({
      imports: [SettingsModule],
      inject: ['tenancy'],
      useFactory: (given: { tenancy: Tenancy; orm: { em: AnyEntityManager } }) => given,
      entityManager: EntityManager,
    }),
  ]);
  await app.init();
  expect(await tenancy.run('bloom', () => app.get(Tasks).em.count(Task))).toBeGreaterThanOrEqual(0);
  await app.close();
});

test('a method runs for each tenant; one that fails does not stop the others, and is told', async () => {
  const app = await open([TenancyModule.forRoot({ tenancy, orm })]);
  await app.init();
  const counts: Record<string, number> = {};
  await app.get(Tasks).countAll(counts);
  expect(Object.keys(counts)).toEqual(['acme', 'bloom']);
  const partial: Record<string, number> = {};
  const error = await app
    .get(Tasks)
    .countAll(partial, 'acme')
    .catch((failure: unknown) => failure);
  assert(error instanceof AggregateError);
  expect(error.errors.map(String)).toEqual(['Error: out of tea']);
  expect(Object.keys(partial)).toEqual(['bloom']);
  await app.close();
});

test('a second EntityManager is refused at start, in either order of imports', async () => {
  const second = MikroOrmModule.forRoot(
    defineConfig({ clientUrl: database.url, entities: [Task] }) as MikroOrmModuleSyncOptions,
  );
  for (const imports of [
    [second, TenancyModule.forRoot({ tenancy, orm })],
    [TenancyModule.forRoot({ tenancy, orm }), second],
  ]) {
    const app = await open(imports);
    const error = await app.init().catch((failure: unknown) => failure);
    assert(isTenancyError(error, 'CONFIG_INVALID'));
    expect(error.message).toMatch(/^The module "MikroOrm\w*" provides a second EntityManager/);
    await app.close();
  }
});

test('a second EntityManager of the same name is refused at start', async () => {
  const config = defineConfig({ clientUrl: database.url, entities: [Task] });
  const second = MikroOrmModule.forRoot({ ...config, contextName: 'reports' } as MikroOrmModuleSyncOptions);
  @Module({ imports: [second, TenancyModule.forRoot({ tenancy, orm, contextName: 'reports' })] })
  class AppModule {}
  const started = NestFactory.createApplicationContext(AppModule, { logger: false, abortOnError: false });
  await expect(started).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});

test('MikroORM’s own instance gives the tenant’s EntityManager, and refuses what knows no tenants', async () => {
  const app = await open([TenancyModule.forRoot({ tenancy, orm })]);
  const facade = app.get(MikroORM);
  expect(facade.em).toBe(orm.em);
  // Modules of Nest look for metadata on the class of each provider.
  expect(facade.constructor).toBe(MikroORM);
  // Decorators of MikroORM look for an instance of it.
  expect(facade).toBeInstanceOf(MikroORM);
  expect(app.get(DriversORM).em).toBe(orm.em);
  expect(() => facade.migrator).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }) as Error);
  await app.close();
});

test('a named context is the tenant’s, too', async () => {
  @Injectable()
  class Reports {
    constructor(
      @InjectEntityManager('reports') readonly em: EntityManager,
      @InjectRepository(Task, 'reports') readonly tasks: EntityRepository<Task>,
      @InjectMikroORM('reports') readonly orm: MikroORM,
    ) {}
  }
  @Module({
    imports: [
      TenancyModule.forRoot({ tenancy, orm, contextName: 'reports' }),
      MikroOrmModule.forFeature([Task], 'reports'),
    ],
    providers: [Reports],
  })
  class AppModule {}
  const app = await NestFactory.createApplicationContext(AppModule, { logger: false, abortOnError: false });
  const { em, tasks, orm: named } = app.get(Reports);
  expect(em).toBe(orm.em);
  expect(named.em).toBe(orm.em);
  for (const id of ['acme', 'bloom']) {
    const titles = await tenancy.run(id, async () => (await tasks.findAll()).map(({ title }) => title));
    expect(titles.every((title) => title.startsWith(`of ${id}`))).toBe(true);
  }
  await expect(tasks.findAll()).rejects.toMatchObject({ code: 'OUTSIDE_SCOPE' });
  await app.close();
  await expect(tenancy.run('acme', () => orm.em.count(Task))).rejects.toThrow();
});
