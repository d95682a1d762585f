import 'reflect-metadata';
import { ReflectMetadataProvider } from '@mikro-orm/decorators/legacy';
import { MetadataProvider, MikroORM } from '@mikro-orm/postgresql';
import { expect, test } from 'vitest';
import { Book as EsBook } from './fixtures/es/book.ts';
import { Book as LegacyBook } from './fixtures/legacy/book.ts';
import { testDatabase } from './testing.ts';

// That tests can be written with both kinds of decorators is a property of vitest.config.ts, and easily lost.
test.each([
  { kind: 'legacy', Book: LegacyBook, metadataProvider: ReflectMetadataProvider },
  { kind: 'ECMAScript', Book: EsBook, metadataProvider: MetadataProvider },
])('entities with $kind decorators are stored', async ({ Book, metadataProvider }) => {
  await using database = await testDatabase();
  const orm = await MikroORM.init({ clientUrl: database.url, entities: [Book], metadataProvider });
  await orm.schema.create();
  const book = Object.assign(new Book(), { title: 'Emma' });
  await orm.em.fork().persist(book).flush();
  expect(await orm.em.fork().findOne(Book, { title: 'Emma' })).toMatchObject({ id: book.id });
  await orm.close();
});
