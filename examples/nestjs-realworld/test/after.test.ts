import assert from 'node:assert/strict';
import { expectNoLeak } from '@omnitenant/orm/testing';
import { type TestDatabase, testDatabase } from '@omnitenant/tooling';
import { afterAll, beforeAll, test } from 'vitest';
import { Article } from '../after/src/article/article.entity.ts';
import { User } from '../after/src/user/user.entity.ts';
import { startBlog } from '../after/test/server.ts';
import { startBlog as startBefore } from '../before/test/server.ts';
import { client, registration } from './client.ts';

const ids = ['acme', 'bloom', 'cedar'];
let database: TestDatabase;
let old: TestDatabase;
let blog: Awaited<ReturnType<typeof startBlog>>;
let modules: typeof import('../after/src/tenancy.ts');

beforeAll(async () => {
  [database, old] = await Promise.all([testDatabase(), testDatabase()]);
  blog = await startBlog(database.url);
  modules = await import('../after/src/tenancy.ts');
  for (const id of ids.slice(1)) await modules.tenancy.tenants.create({ id });
});
afterAll(async () => {
  await blog?.app.close();
  await Promise.all([database?.drop(), old?.drop()]);
});

const at = (id: string) => client(blog.port, `${id}.localhost`);

test('each blog has users, articles and follows of its own, and a token of one is refused by the others', async () => {
  const tokens = await Promise.all(ids.map(async (id) => (await at(id)('POST /users', registration('ann'))).body.user));
  for (const [index, id] of ids.entries()) {
    const article = { title: `Of ${id}`, description: '', body: '' };
    assert.equal((await at(id)('POST /articles', { ...tokens[index], body: { article } })).status, 201);
  }
  for (const [index, id] of ids.entries()) {
    assert.deepEqual(
      (await at(id)('GET /articles')).body.articles.map(({ slug }) => slug),
      [`of-${id}`],
    );
    for (const [other, host] of ids.entries()) {
      const { status, body } = await at(host)('GET /user', tokens[index]);
      assert.equal(status, other === index ? 200 : 400, `a token of ${id} at ${host}`);
      if (other !== index) assert.equal((body as unknown as { code: string }).code, 'TENANT_UNRESOLVED');
    }
  }
});

test('the blog that there was is a tenant, in its database as it is', async () => {
  {
    await using before = await startBefore(old.url);
    const { status } = await client(before.port, before.host)('POST /users', registration('olga'));
    assert.equal(status, 201);
  }
  await modules.tenancy.tenants.adopt({ id: 'first', isolation: 'database', placement: { database: old.name } });
  const { body } = await at('first')('POST /users/login', registration('olga'));
  assert.equal(body.user.username, 'olga');
  assert.equal((await at('acme')('POST /users/login', registration('olga'))).status, 401);
});

test('no blog is shown what is another’s, however their requests overlap', async () => {
  const { tenancy, orm } = modules;
  await expectNoLeak({
    ...{ tenancy, orm, tenants: ids },
    app: blog.app.getHttpAdapter().getInstance(),
    seed: async (canary) => {
      const author = new User(canary('name'), canary('email'), 'no hash');
      const tagList = [canary('tag')];
      orm.em.persist(new Article(author, { title: 'Seeded', description: canary('text'), body: '', tagList }));
      await orm.em.flush();
    },
    requests: {
      articles: (tenant) => new Request(`http://${tenant}.localhost/api/articles`),
      article: (tenant) => new Request(`http://${tenant}.localhost/api/articles/seeded`),
      tags: (tenant) => new Request(`http://${tenant}.localhost/api/tags`),
      register: (tenant, canary) => {
        const username = canary('username');
        return new Request(`http://${tenant}.localhost/api/users`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ user: { username, email: username, password: 'secret' } }),
        });
      },
    },
  });
});
