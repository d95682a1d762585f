import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storeSuite } from '@omnitenant/core/testing';
import { afterAll, describe, test } from 'vitest';
import { openTasksOrm } from './fixtures/tasks.ts';

const root = mkdtempSync(join(tmpdir(), 'omnitenant-sqlite-store-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('the store in central.sqlite', () => {
  let stores = 0;
  storeSuite({
    test,
    async createStore() {
      stores += 1;
      return (await openTasksOrm({ folder: join(root, String(stores)) })).store;
    },
    changes: true,
    search: true,
    audit: true,
    operations: true,
    usage: true,
    redemptions: true,
  });
});
