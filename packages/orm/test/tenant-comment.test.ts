import { defineConfig } from '@mikro-orm/postgresql';
import { plainDatabase } from '@omnitenant/tooling';
import { expect, test } from 'vitest';
import { Author } from '../src/testing/library.ts';
import { runLibrary } from './fixtures/running-library.ts';

const asSeenByServer = 'select current_query() as query';

test('statements name their tenant to the server, where the application asks for it', async () => {
  await using database = await plainDatabase();
  const config = defineConfig({ clientUrl: database.url, onQuery: (sql) => `${sql} /*route='/books'*/` });
  await using library = await runLibrary(
    config,
    { acme: { isolation: 'schema' }, globex: { isolation: 'row' } },
    {
      sqlComments: true,
      roles: true,
      names: { role: (id) => `${database.name}_${id}` },
    },
  );
  const { tenancy, orm } = library;
  const seen = (id: string) => tenancy.run(id, async () => (await orm.em.execute(asSeenByServer))[0]?.['query']);
  expect(await seen('acme')).toMatch(/ \/\*route='\/books'\*\/ \/\*tenant='acme'\*\//);
  expect(await seen('globex')).toContain(`/*tenant='globex'*/`);
  const inCentral = await tenancy.central(() => orm.em.execute(asSeenByServer));
  expect(inCentral[0]?.['query']).not.toContain('tenant=');
  for (const id of ['acme', 'globex']) {
    expect(await tenancy.run(id, () => orm.em.find(Author, { name: `first of ${id}` }))).toHaveLength(1);
  }
});
