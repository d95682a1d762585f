import type { MoveTarget } from '@omnitenant/core';
import { plainDatabase } from '@omnitenant/tooling';
import { expect, test, vi } from 'vitest';
import { open, storage } from './fixtures/moving.ts';

type Target = (database: string) => MoveTarget;

/** The server `eu` is the same one. */
const samePlaces: readonly [string, string, Target][] = [
  ['schema', 'of another server', () => ({ placement: { server: 'eu' } })],
  ['row', 'of another server', () => ({ placement: { server: 'eu' } })],
  ['database', 'of another server', () => ({ placement: { server: 'eu' } })],
  ['database', 'of a URL', (name) => ({ placement: { url: 'env:OMNITENANT_SAME', database: `${name}_acme` } })],
  ['database', 'in a schema of it', (name) => ({ placement: { database: `${name}_acme`, schema: 'other' } })],
  ['database', 'as shared tables', (name) => ({ isolation: 'row', placement: { database: `${name}_acme` } })],
];

test.each(samePlaces)(
  'a tenant of isolation %s is not moved to its own place by the name %s, and keeps its rows',
  async (isolation, _, target) => {
    await using database = await plainDatabase();
    await using app = await open(database);
    vi.stubEnv('OMNITENANT_SAME', database.url);
    await app.tenants.create({ id: 'acme', isolation });
    await app.write('acme', 'first');
    const before = await storage(database);
    const moved = app.tenants.move('acme', target(database.name));
    await expect(moved).rejects.toMatchObject({ code: 'TRANSITION_REFUSED' });
    await app.write('acme', 'second');
    expect(await app.authors('acme')).toEqual(['first', 'second']);
    expect(await storage(database)).toEqual(before);
    vi.unstubAllEnvs();
  },
);
