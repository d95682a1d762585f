import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openTasks, Task } from './fixtures/tasks.ts';

const descriptors = '/proc/self/fd';

/** The descriptors of this process that lead to tenants' files, and the logs beside them. */
function openIn(folder: string): number {
  return readdirSync(descriptors).filter((fd) => {
    try {
      const path = readlinkSync(join(descriptors, fd));
      return path.startsWith(folder) && !path.includes('central.sqlite');
    } catch {
      // It was closed since it was listed.
      return false;
    }
  }).length;
}

describe.skipIf(!existsSync(descriptors))('tenants, of which there are many more than files may stay open,', () => {
  test('have no more descriptors open than those files have, and each is served', async () => {
    const openFiles = 5;
    const tenants = Array.from({ length: 200 }, (_, n) => `t${n}`);
    const { folder, orm, tenancy } = await openTasks(onTestFinished, { tenants, openFiles });
    let most = 0;
    for (let at = 0; at < tenants.length; at += 10) {
      await Promise.all(
        tenants.slice(at, at + 10).map((id) =>
          tenancy.run(id, async () => {
            await orm.em.transactional((em) => em.insert(Task, { title: `of ${id}` }));
            expect(await orm.em.find(Task, {})).toMatchObject([{ title: `of ${id}` }]);
            most = Math.max(most, openIn(folder));
          }),
        ),
      );
    }
    // A file has two handles, each with the file, its log and the log's index.
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual((openFiles + 10) * 6);
    // What has become idle beyond the limit is closed when a file is used next.
    await tenancy.run('t0', () => orm.em.count(Task));
    expect(orm.stats().openFiles).toBeLessThanOrEqual(openFiles);
    expect(openIn(folder)).toBeLessThanOrEqual(openFiles * 6);
  });
});
