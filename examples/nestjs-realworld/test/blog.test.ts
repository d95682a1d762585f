import assert from 'node:assert/strict';
import { type TestDatabase, testDatabase } from '@omnitenant/tooling';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { startBlog as startAfter } from '../after/test/server.ts';
import { startBlog as startBefore } from '../before/test/server.ts';
import { client, registration } from './client.ts';

// The same tests, for the blog as it was and as it became.
describe.each([
  { version: 'before', startBlog: startBefore },
  { version: 'after', startBlog: startAfter },
])('the blog, $version', ({ startBlog }) => {
  let database: TestDatabase;
  let blog: Awaited<ReturnType<typeof startBlog>>;
  let ask: ReturnType<typeof client>;
  let ann: { token: string };
  let bob: { token: string };

  beforeAll(async () => {
    database = await testDatabase();
    blog = await startBlog(database.url);
    ask = client(blog.port, blog.host);
    ann = (await ask('POST /users', registration('ann'))).body.user;
    bob = (await ask('POST /users', registration('bob'))).body.user;
    const article = { title: 'On Lamps!', description: 'Light', body: 'They shine.', tagList: ['home', 'light'] };
    const { status } = await ask('POST /articles', { ...ann, body: { article } });
    assert.equal(status, 201);
  });
  afterAll(async () => {
    await blog?.app.close();
    await database?.drop();
  });

  test('a user logs in, and changes what others see', async () => {
    assert.equal((await ask('POST /users', registration('ann'))).status, 422);
    assert.equal(
      (await ask('POST /users/login', { body: { user: { email: 'ann@mail.test', password: '?' } } })).status,
      401,
    );
    const { status, body } = await ask('POST /users/login', registration('ann'));
    assert.equal(status, 200);
    assert.equal((await ask('GET /user')).status, 401);
    assert.equal((await ask('GET /user', { token: 'none' })).status, 401);
    const changed = await ask('PUT /user', { token: body.user.token, body: { user: { bio: 'I write.' } } });
    assert.partialDeepStrictEqual(changed.body, { user: { username: 'ann', bio: 'I write.' } });
    assert.partialDeepStrictEqual((await ask('GET /profiles/ann')).body, {
      profile: { username: 'ann', bio: 'I write.' },
    });
  });

  test('an article is found by author and tag, and changed by its author alone', async () => {
    for (const query of ['', '?author=ann', '?tag=light', '?limit=1']) {
      const { body } = await ask(`GET /articles${query}`);
      assert.deepEqual([body.articlesCount, body.articles.map(({ slug }) => slug)], [1, ['on-lamps-']], query);
    }
    assert.equal((await ask('GET /articles?tag=dark')).body.articlesCount, 0);
    assert.deepEqual((await ask('GET /tags')).body, { tags: ['home', 'light'] });
    const body = { article: { description: 'About light' } };
    assert.equal((await ask('PUT /articles/on-lamps-', { ...bob, body })).status, 403);
    assert.partialDeepStrictEqual((await ask('PUT /articles/on-lamps-', { ...ann, body })).body, body);
    assert.equal((await ask('GET /articles/nothing')).status, 404);
  });

  test('who follows an author has the articles in the feed', async () => {
    assert.equal((await ask('GET /articles/feed', bob)).body.articlesCount, 0);
    assert.equal((await ask('POST /profiles/ann/follow', bob)).body.profile.following, true);
    assert.equal((await ask('GET /articles/feed', bob)).body.articlesCount, 1);
    assert.equal((await ask('GET /articles/on-lamps-', bob)).body.article.author.following, true);
    assert.equal((await ask('DELETE /profiles/ann/follow', bob)).body.profile.following, false);
    assert.equal((await ask('GET /articles/feed', bob)).body.articlesCount, 0);
  });

  test('an article is a favorite, and is commented on', async () => {
    const favorite = await ask('POST /articles/on-lamps-/favorite', bob);
    assert.partialDeepStrictEqual(favorite.body, { article: { favorited: true, favoritesCount: 1 } });
    assert.equal((await ask('GET /articles?favorited=bob')).body.articlesCount, 1);
    assert.equal((await ask('DELETE /articles/on-lamps-/favorite', bob)).body.article.favoritesCount, 0);

    const { body } = await ask('POST /articles/on-lamps-/comments', { ...bob, body: { comment: { body: 'Indeed' } } });
    const shown = await ask('GET /articles/on-lamps-/comments');
    assert.partialDeepStrictEqual(shown.body, { comments: [{ body: 'Indeed', author: { username: 'bob' } }] });
    const path = `/articles/on-lamps-/comments/${body.comment.id}`;
    assert.equal((await ask(`DELETE ${path}`, ann)).status, 204);
    assert.equal((await ask('GET /articles/on-lamps-/comments')).body.comments.length, 1, 'it is not hers');
    assert.equal((await ask(`DELETE ${path}`, bob)).status, 204);
    assert.equal((await ask('GET /articles/on-lamps-/comments')).body.comments.length, 0);
  });

  test('an article is removed with its comments', async () => {
    const article = { title: 'Soon gone', description: '', body: '' };
    await ask('POST /articles', { ...ann, body: { article } });
    await ask('POST /articles/soon-gone/comments', { ...bob, body: { comment: { body: 'Oh' } } });
    assert.equal((await ask('DELETE /articles/soon-gone', bob)).status, 403);
    assert.equal((await ask('DELETE /articles/soon-gone', ann)).status, 204);
    assert.equal((await ask('GET /articles/soon-gone')).status, 404);
  });
});
