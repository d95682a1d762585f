import 'reflect-metadata';
import { Migration } from '@mikro-orm/migrations';
import { defineConfig, defineEntity, EntityManager, p } from '@mikro-orm/postgresql';
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { type INestApplication, Injectable, Module, Scope } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  Args,
  Field,
  GraphQLModule,
  Int,
  Mutation,
  ObjectType,
  Parent,
  Query,
  ResolveField,
  Resolver,
} from '@nestjs/graphql';
import { createTenancy, fromHeader, type Tenant } from '@omnitenant/core';
import { createOrm } from '@omnitenant/orm';
import { testDatabase } from '@omnitenant/tooling';
import DataLoader from 'dataloader';
import { expect, test } from 'vitest';
import { CurrentTenant, TenancyModule } from '../src/index.ts';

const AuthorSchema = defineEntity({ name: 'Author', properties: { id: p.integer().primary(), name: p.string() } });
class AuthorEntity extends AuthorSchema.class {}
AuthorSchema.setClass(AuthorEntity);

class CreateAuthor extends Migration {
  override up() {
    this.addSql('create table author (id int generated always as identity primary key, name text not null)');
  }
}

@ObjectType()
class Author {
  @Field(() => Int) id!: number;
  @Field(() => String) name!: string;
}

@ObjectType()
class Article {
  @Field(() => String) tenant!: string;
  authorId!: number;
}

const batches: string[] = [];

/** One for each request: it collects the keys of one tenant, and remembers what it has loaded for no other. */
@Injectable({ scope: Scope.REQUEST })
class Authors {
  readonly loader = new DataLoader<number, AuthorEntity | undefined>(async (ids) => {
    const found = await this.em.find(AuthorEntity, { id: [...ids] });
    batches.push(ids.join());
    return ids.map((id) => found.find((author) => author.id === id));
  });

  constructor(readonly em: EntityManager) {}
}

@Resolver(() => Article)
class ArticleResolver {
  constructor(
    readonly em: EntityManager,
    readonly authors: Authors,
  ) {}

  @Query(() => [Article])
  articles(@CurrentTenant() { id }: Tenant): Article[] {
    return [1, 2, 1].map((authorId) => ({ tenant: id, authorId }));
  }

  @Mutation(() => Author)
  async addAuthor(@Args('name') name: string): Promise<AuthorEntity> {
    const author = this.em.create(AuthorEntity, { name });
    await this.em.flush();
    return author;
  }

  @ResolveField(() => Author)
  author(@Parent() { authorId }: Article) {
    return this.authors.loader.load(authorId);
  }
}

test('GraphQL runs in the tenant: queries, mutations, field resolvers, and a DataLoader for each request', async () => {
  await using database = await testDatabase();
  const orm = await createOrm(
    defineConfig({ clientUrl: database.url, entities: [AuthorEntity], migrations: { migrationsList: [CreateAuthor] } }),
  );
  const tenancy = createTenancy({ resources: [orm], resolver: fromHeader('x-tenant') });
  await tenancy.migrateCentral();

  @Module({
    imports: [
      TenancyModule.forRoot({ tenancy, orm }),
      GraphQLModule.forRoot<ApolloDriverConfig>({ driver: ApolloDriver, autoSchemaFile: true }),
    ],
    providers: [Authors, ArticleResolver],
  })
  class AppModule {}
  const app: INestApplication = await NestFactory.create(AppModule, { logger: false, abortOnError: false });
  await app.listen(0, '127.0.0.1');
  const url = `${await app.getUrl()}/graphql`;
  async function ask(tenant: string, query: string) {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-tenant': tenant },
      body: JSON.stringify({ query }),
    });
    return { status: response.status, body: await response.json() };
  }

  try {
    const ids = ['acme', 'bloom'];
    for (const id of ids) {
      await tenancy.tenants.create({ id });
      for (const name of ['Ann', 'Bob']) {
        const { body } = await ask(id, `mutation { addAuthor(name: "${name} of ${id}") { name } }`);
        expect(body).toEqual({ data: { addAuthor: { name: `${name} of ${id}` } } });
      }
    }
    // Both tenants have authors 1 and 2, and ask at the same moment.
    const answers = await Promise.all(ids.map((id) => ask(id, '{ articles { tenant author { name } } }')));
    for (const [index, id] of ids.entries()) {
      const names = ['Ann', 'Bob', 'Ann'].map((name) => ({ tenant: id, author: { name: `${name} of ${id}` } }));
      expect(answers[index]?.body).toEqual({ data: { articles: names } });
    }
    expect(batches).toEqual(['1,2', '1,2']);
    expect((await ask('nobody', '{ articles { tenant } }')).status).toBe(404);
  } finally {
    await app.close();
  }
});
