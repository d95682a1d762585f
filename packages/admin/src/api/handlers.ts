import type { Tenancy } from '@omnitenant/core';
import type { AdminArchives } from '../admin-archives.ts';
import type { AdminOrm } from '../admin-orm.ts';
import type { AdminQueue } from '../admin-queue.ts';
import type { Handler } from './endpoint.ts';
import type { EndpointName, endpoints } from './endpoints.ts';
import type { OperationRunner } from './operation-runner.ts';

/** What the handlers of the API work with. */
export interface ApiParts {
  readonly tenancy: Tenancy;
  readonly orm: AdminOrm;
  readonly queues: readonly AdminQueue[];
  readonly archives: AdminArchives | undefined;
  /** Where long verbs are run. */
  readonly operations: OperationRunner;
}

/** The handlers of some operations. */
export type Handlers<Names extends EndpointName> = { readonly [Name in Names]: Handler<(typeof endpoints)[Name]> };
