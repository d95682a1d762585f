import type { IsolationCases } from './assertions.ts';
import { cacheCases } from './cases/cache.ts';
import { centralCases } from './cases/central.ts';
import { habitCases } from './cases/habits.ts';
import { keyCases } from './cases/keys.ts';
import { outsideCases } from './cases/outside.ts';
import { overlappingCases } from './cases/overlapping.ts';
import { ownershipCases } from './cases/ownership.ts';
import { removalCases } from './cases/removal.ts';
import { sqlCases } from './cases/sql.ts';
import { transactionCases } from './cases/transactions.ts';

/** The promises that every isolation keeps, by name. */
export const isolationCases: IsolationCases = {
  ...overlappingCases,
  ...outsideCases,
  ...sqlCases,
  ...habitCases,
  ...transactionCases,
  ...ownershipCases,
  ...cacheCases,
  ...keyCases,
  ...centralCases,
  ...removalCases,
};
