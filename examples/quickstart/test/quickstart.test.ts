import assert from 'node:assert/strict';
import { ask, runModules } from '@omnitenant/tooling';
import { test } from 'vitest';

const main = new URL('../src/main.ts', import.meta.url).pathname;

// PGlite alone needs half a minute to start on a busy machine.
test('each tenant is served its own tasks', { timeout: 300_000 }, async () => {
  await using app = runModules([main], { cwd: '.', options: ['--conditions=@omnitenant/source'] });
  const [port = 0] = await app.ports;
  for (const id of ['acme', 'bloom']) {
    const answer = await ask(port, ['GET', `${id}.localhost/tasks`]);
    assert.deepEqual(answer, { status: 200, body: [{ id: 1, title: `A task of ${id}` }] });
  }
  assert.equal((await ask(port, ['GET', 'nobody.localhost/tasks'])).status, 404);
  await app.end();
});
