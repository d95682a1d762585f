import { type IsolationCases, refuses } from '../assertions.ts';
import { Author, AuthorStats } from '../library.ts';

/** Where there is no scope there is no tenant, and nothing is found or written. */
export const outsideCases: IsolationCases = {
  'outside of any scope everything refuses': async ({ orm: { em } }) => {
    await refuses('OUTSIDE_SCOPE', () => em.find(Author, {}));
    await refuses('OUTSIDE_SCOPE', () => em.findOne(Author, 1));
    await refuses('OUTSIDE_SCOPE', () => em.count(Author));
    await refuses('OUTSIDE_SCOPE', () => em.create(Author, { name: 'nobody' }));
    await refuses('OUTSIDE_SCOPE', () => em.persist(new Author()));
    await refuses('OUTSIDE_SCOPE', () => em.flush());
    await refuses('OUTSIDE_SCOPE', () => em.fork());
    await refuses('OUTSIDE_SCOPE', () => em.insert(Author, { name: 'nobody' }));
    await refuses('OUTSIDE_SCOPE', () => em.upsert(Author, { id: 1, name: 'nobody' }));
    await refuses('OUTSIDE_SCOPE', () => em.nativeUpdate(Author, { id: 1 }, { name: 'nobody' }));
    await refuses('OUTSIDE_SCOPE', () => em.nativeDelete(Author, { id: 1 }));
    await refuses('OUTSIDE_SCOPE', () => em.transactional(async () => {}));
    await refuses('OUTSIDE_SCOPE', () => em.begin());
    await refuses('OUTSIDE_SCOPE', () => em.execute('select * from author'));
    await refuses('OUTSIDE_SCOPE', () => em.createQueryBuilder(Author).getResult());
    await refuses('OUTSIDE_SCOPE', () => em.getRepository(Author).findAll());
    await refuses('OUTSIDE_SCOPE', () =>
      em.getKysely<{ author: { name: string } }>().selectFrom('author').selectAll().execute(),
    );
    await refuses('OUTSIDE_SCOPE', () => em.getConnection().execute('select * from author'));
    await refuses('OUTSIDE_SCOPE', () => em.getDriver().find(Author, {} as never));
    await refuses('OUTSIDE_SCOPE', async () => {
      for await (const author of em.stream(Author)) void author;
    });
  },

  'outside of any scope the less common calls refuse as well': async ({ orm: { em } }) => {
    await refuses('OUTSIDE_SCOPE', () => em.findAll(Author));
    await refuses('OUTSIDE_SCOPE', () => em.findAndCount(Author, {}));
    await refuses('OUTSIDE_SCOPE', () => em.findByCursor(Author, { first: 1, orderBy: { id: 1 } }));
    await refuses('OUTSIDE_SCOPE', () => em.countBy(Author, 'name'));
    await refuses('OUTSIDE_SCOPE', () => em.find(AuthorStats, {}));
    await refuses('OUTSIDE_SCOPE', () => em.insertMany(Author, [{ name: 'nobody' }]));
    await refuses('OUTSIDE_SCOPE', () => em.upsertMany(Author, [{ id: 1, name: 'nobody' }]));
    await refuses('OUTSIDE_SCOPE', () => em.getReference(Author, 1));
    await refuses('OUTSIDE_SCOPE', () => em.merge(Author, { id: 1, name: 'nobody' }));
    await refuses('OUTSIDE_SCOPE', () => em.map(Author, { id: 1, name: 'nobody' }));
    await refuses('OUTSIDE_SCOPE', () => em.remove(new Author()));
    await refuses('OUTSIDE_SCOPE', () => em.populate([new Author()], ['books']));
    await refuses('OUTSIDE_SCOPE', () => em.clearCache('authors'));
    await refuses('OUTSIDE_SCOPE', () => em.getUnitOfWork());
    await refuses('OUTSIDE_SCOPE', () => em.getDriver().execute('select * from author'));
    await refuses('OUTSIDE_SCOPE', () => em.getConnection('read').execute('select * from author'));
  },
};
