import { describe, test } from 'vitest';
import { storeSuite } from '../testing/store-suite.ts';
import { memoryStore } from './memory.ts';

describe('memoryStore', () => {
  storeSuite({
    test,
    createStore: () => memoryStore(),
    search: true,
    audit: true,
    operations: true,
    usage: true,
    redemptions: true,
    domainClaims: true,
  });
});
