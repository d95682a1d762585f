import type { EntityManager } from '@mikro-orm/core';
import {
  type DynamicModule,
  type FactoryProvider,
  Inject,
  type MiddlewareConsumer,
  Module,
  type ModuleMetadata,
  type NestModule,
  type OnApplicationShutdown,
  type OnModuleInit,
  type Provider,
} from '@nestjs/common';
import { APP_FILTER, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import type { Tenancy } from '@omnitenant/core';
import {
  classesOf,
  type EntityManagerClass,
  type EntityManagerTokens,
  entityManagerProviders,
  refuseSecondEntityManager,
  tokensOf,
} from './entity-managers.ts';
import { serveGateways } from './gateway-hooks.ts';
import { TenancyExceptionFilter } from './tenancy-exception-filter.ts';
import { TenancyMiddleware } from './tenancy-middleware.ts';
import { options as optionsToken, TENANCY } from './tenancy-token.ts';

/** Options of the module. */
export interface TenancyModuleOptions {
  /** Closed with the application. */
  readonly tenancy: Tenancy;
  /** Its EntityManager is provided by core's class and the driver's. */
  readonly orm?: { readonly em: EntityManager } | undefined;
}

/** What has to be known before the options are. */
interface StaticOptions {
  /** Routes of no tenant, such as health checks. They run outside all scopes. */
  readonly exclude?: Parameters<ReturnType<MiddlewareConsumer['apply']>['exclude']> | undefined;
  /** The name that `@InjectEntityManager(name)`, `@InjectMikroORM(name)` and `MikroOrmModule.forFeature(entities, name)` use, if they use one. */
  readonly contextName?: string | undefined;
}

/** Options of the module that come from a factory. */
export interface TenancyModuleAsyncOptions<Injected extends unknown[] = never[]> extends StaticOptions {
  readonly imports?: ModuleMetadata['imports'];
  readonly inject?: FactoryProvider['inject'];
  readonly useFactory: (...injected: Injected) => TenancyModuleOptions | Promise<TenancyModuleOptions>;
  /** The driver's EntityManager, if it is injected by its class. */
  readonly entityManager?: EntityManagerClass | undefined;
}

/**
 * Provides the tenancy and the current tenant's EntityManager to all modules, runs each HTTP request in its tenant on Express and Fastify, answers
 * a `TenancyError` with its status, and closes the tenancy with the application. It takes the place of `MikroOrmModule.forRoot()`;
 * `MikroOrmModule.forFeature()` stays.
 * @example
 * @Module({ imports: [TenancyModule.forRoot({ tenancy, orm }), MikroOrmModule.forFeature([Article])] })
 * export class AppModule {}
 */
export class TenancyModule implements NestModule, OnModuleInit, OnApplicationShutdown {
  readonly #options: TenancyModuleOptions;
  readonly #modules: ModulesContainer;
  readonly #fixed: FixedOptions;
  readonly #leave: () => void;

  constructor(options: TenancyModuleOptions, modules: ModulesContainer, fixed: FixedOptions) {
    this.#options = options;
    this.#modules = modules;
    this.#fixed = fixed;
    this.#leave = serveGateways(options.tenancy, modules);
  }

  static forRoot({ exclude, contextName, ...options }: TenancyModuleOptions & StaticOptions): DynamicModule {
    const classes = options.orm === undefined ? [] : classesOf(options.orm.em);
    const tokens = tokensOf(classes, contextName, options.orm?.em);
    return assemble([{ provide: optionsToken, useValue: options }], { exclude, tokens });
  }

  static forRootAsync<Injected extends unknown[]>({
    imports = [],
    inject = [],
    useFactory,
    entityManager,
    exclude,
    contextName,
  }: TenancyModuleAsyncOptions<Injected>): DynamicModule {
    const tokens = tokensOf(entityManager === undefined ? [] : [entityManager], contextName);
    const provider = { provide: optionsToken, inject, useFactory };
    return { ...assemble([provider], { exclude, tokens }), imports };
  }

  configure(consumer: MiddlewareConsumer): void {
    const { exclude = [] } = this.#fixed;
    const middleware = new TenancyMiddleware(this.#options.tenancy);
    consumer
      .apply(middleware.use.bind(middleware))
      .exclude(...exclude)
      .forRoutes('{*path}');
  }

  onModuleInit(): void {
    refuseSecondEntityManager(this.#modules, this.#options, this.#fixed.tokens);
  }

  async onApplicationShutdown(): Promise<void> {
    this.#leave();
    await this.#options.tenancy.close();
  }
}

interface FixedOptions extends Pick<StaticOptions, 'exclude'> {
  readonly tokens: EntityManagerTokens;
}

const fixedToken = Symbol('omnitenant.fixed');

// Functions instead of the decorators' syntax, which Node does not parse.
Module({})(TenancyModule);
for (const [index, token] of [optionsToken, ModulesContainer, fixedToken].entries()) {
  Inject(token)(TenancyModule, undefined, index);
}

function assemble(own: Provider[], fixed: FixedOptions): DynamicModule {
  const shared: Provider[] = [
    { provide: TENANCY, inject: [optionsToken], useFactory: ({ tenancy }: TenancyModuleOptions) => tenancy },
    ...entityManagerProviders(fixed.tokens),
  ];
  const filter = {
    provide: APP_FILTER,
    inject: [HttpAdapterHost],
    useFactory: (adapters: HttpAdapterHost) => new TenancyExceptionFilter(adapters),
  };
  return {
    module: TenancyModule,
    global: true,
    providers: [...own, { provide: fixedToken, useValue: fixed }, filter, ...shared],
    exports: shared.map((provider) => (provider as FactoryProvider).provide),
  };
}
