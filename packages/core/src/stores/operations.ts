/** How far an operation is: of how many tenants, how many are done, and how many of those have failed. */
export interface OperationProgress {
  readonly done: number;
  readonly total: number;
  readonly failed: number;
}

/** A long verb that is about to begin. */
export interface OperationDraft {
  readonly id: string;
  readonly verb: string;
  /** The tenant concerned; `undefined` for the fleet. */
  readonly tenant?: string | undefined;
  readonly actor: string;
  readonly reason?: string | undefined;
  /** Names the request: the same actor begins one operation with it. */
  readonly key?: string | undefined;
  /** Tells a request from another one that has the same key. */
  readonly digest: string;
  /** The process that runs it. */
  readonly holder: string;
}

/** A long verb, as it is recorded. */
export interface Operation extends Omit<OperationDraft, 'holder' | 'key'> {
  readonly status: 'running' | 'succeeded' | 'failed';
  readonly progress?: OperationProgress | undefined;
  /** What it has given; plain JSON. */
  readonly result?: unknown;
  /** Why it failed. The code is `ABANDONED` where its process ended before it did. */
  readonly error?: OperationError | undefined;
  readonly startedAt: Date;
  readonly endedAt?: Date | undefined;
}

/** Why an operation failed. */
export interface OperationError {
  readonly code: string;
  readonly message: string;
}

/** How an operation has ended. One that has failed may have a result, too, such as a report. */
export type OperationOutcome =
  | { readonly status: 'succeeded'; readonly result?: unknown }
  | { readonly status: 'failed'; readonly error: OperationError; readonly result?: unknown };

/** Which operations a page has. */
export interface OperationQuery {
  readonly tenant?: string | undefined;
  /** The id of the operation after which the page begins. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/**
 * Records of the long verbs, for all processes. The process that runs one renews it. One that was not renewed in time counts as failed.
 */
export interface TenantOperations {
  /** Records an operation as running; or gives the one that the actor has begun with the same key. */
  begin(draft: OperationDraft, termMs: number): Promise<Operation>;
  /** Keeps an operation running. Returns whether it still is its holder's. */
  renew(id: string, holder: string, termMs: number, progress?: OperationProgress): Promise<boolean>;
  /** Returns whether it was still its holder's: one that has failed stays so. */
  end(id: string, holder: string, outcome: OperationOutcome): Promise<boolean>;
  find(id: string): Promise<Operation | undefined>;
  /** Newest first. */
  page(query: OperationQuery): Promise<readonly Operation[]>;
  /** Deletes operations that ended so many milliseconds ago or earlier, with their keys; `limit` at most. Returns how many. */
  forget(endedForMs: number, limit: number): Promise<number>;
}

/** The error of an operation whose process ended before it did. */
export const abandoned: OperationError = {
  code: 'ABANDONED',
  message: 'The process that ran this operation ended before it was done.',
};
