import { Collection, defineEntity, p, type Ref } from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';
import { postgresql, type SuiteDialect } from './dialect.ts';

/** The application that the suite drives: a library, with a central and a shared entity. */
export class Author {
  declare id: number;
  declare name: string;
  /** By a formula of raw SQL; loaded when it is asked for. */
  declare newest?: string;
  books: Collection<Book> = new Collection<Book>(this);
}

export class Book {
  declare id: number;
  declare title: string;
  declare author: Ref<Author>;
  tags: Collection<Tag> = new Collection<Tag>(this);
}

export class Tag {
  declare id: number;
  declare name: string;
}

/** In central and in each tenant. */
export class Country {
  declare code: string;
  declare name: string;
}

/** In central only. */
export class Plan {
  declare id: number;
  declare name: string;
}

/** Virtual: how many books each author has, by raw SQL. */
export class AuthorStats {
  declare name: string;
  declare books: number;
}

const TagSchema = defineEntity({
  class: Tag,
  properties: { id: p.integer().primary(), name: p.string() },
});
const BookSchema = defineEntity({
  class: Book,
  properties: {
    id: p.integer().primary(),
    title: p.string(),
    author: () => p.manyToOne(Author).ref(),
    tags: () => p.manyToMany(Tag),
  },
});
const AuthorSchema = defineEntity({
  class: Author,
  properties: {
    id: p.integer().primary(),
    name: p.string(),
    newest: p
      .string()
      .nullable()
      .persist(false)
      .lazy()
      .formula(() => '(select max(title) from book)'),
    books: () => p.oneToMany(Book).mappedBy('author'),
  },
});
const CountrySchema = defineEntity({
  class: Country,
  properties: { code: p.string().primary(), name: p.string() },
});
const PlanSchema = defineEntity({
  class: Plan,
  schema: 'central',
  properties: { id: p.integer().primary(), name: p.string() },
});
const AuthorStatsSchema = defineEntity({
  class: AuthorStats,
  expression:
    'select a.name, cast(count(b.id) as integer) as books from author a left join book b on b.author_id = a.id group by a.id',
  properties: { name: p.string(), books: p.integer() },
});

/** What each tenant has. */
export const tenantEntities = [AuthorSchema, BookSchema, TagSchema, CountrySchema, AuthorStatsSchema];

export const libraryEntities = [...tenantEntities, PlanSchema];

interface UpMigration extends Migration {
  up(): void | Promise<void>;
}
type MigrationClass = new (...args: ConstructorParameters<typeof Migration>) => UpMigration;

/** The migrations that make a tenant's library. */
export function libraryMigrations(dialect: SuiteDialect): readonly [MigrationClass, MigrationClass] {
  class CreateLibrary extends Migration {
    override up(): void {
      for (const table of dialect.tables) this.addSql(table);
    }
  }

  /** A second one, which runs code: it must find the tenant's tables, by SQL and by the EntityManager. */
  class AddCountries extends Migration {
    override async up(): Promise<void> {
      await this.execute(dialect.countries);
      if ((await this.getEntityManager().count(Country)) !== 0) throw new Error('a table of somebody else');
    }
  }
  return [CreateLibrary, AddCountries];
}

export const [CreateLibrary, AddCountries] = libraryMigrations(postgresql);
