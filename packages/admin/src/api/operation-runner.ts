import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { isTenancyError, outside, type Tenancy, TenancyError } from '@omnitenant/core';
import {
  mayPass,
  type Operation,
  type OperationError,
  type OperationOutcome,
  type OperationProgress,
  type TenantOperations,
} from '@omnitenant/core/extend';
import type { Operator } from '../operator.ts';
import { ProblemError } from '../problem.ts';
import type { Operation as OperationView } from '../schemas/operation.ts';
import { operationView } from './operation-view.ts';

/** A long verb that an operator asks for. */
export interface LongVerb {
  readonly verb: string;
  readonly tenant?: string | undefined;
  readonly operator: Operator;
  readonly reason?: string | undefined;
  readonly request: Request;
  /** What was asked for, which tells two requests with the same key apart. */
  readonly input: unknown;
  /** Why it cannot be done. A request that is repeated is answered all the same: it may have removed the tenant itself. */
  readonly refusal?: TenancyError | undefined;
  /** Does it. Gives plain JSON without credentials, and may tell how far it is. */
  act(report: (progress: OperationProgress) => void): Promise<LongResult>;
}

/** What a long verb has given; with an error where it has failed in part. */
export interface LongResult {
  readonly result?: unknown;
  readonly error?: OperationError | undefined;
}

/** Begins long verbs, which go on after they are answered. */
export interface OperationRunner {
  /** @throws KEY_REUSED, or the refusal of what was not begun before. */
  begin(asked: LongVerb): Promise<OperationView>;
}

export interface OperationRunnerOptions {
  readonly tenancy: Pick<Tenancy, 'as'>;
  readonly operations: TenantOperations | undefined;
  /** How long an operation is kept after it has ended. */
  readonly keepMs: number;
  readonly leaseMs: number | undefined;
  readonly onError: (error: unknown) => void;
}

/** How often a change of progress is written, in milliseconds. */
const writeMs = 500;

/** How many old operations are deleted after each that has ended. */
const mostForgotten = 100;

/** Runs long verbs in this process, and records them in central as long as it does. */
export function createOperationRunner(options: OperationRunnerOptions): OperationRunner {
  const { tenancy, operations, keepMs, leaseMs = 30_000, onError } = options;
  if (operations === undefined)
    throw new TenancyError('CONFIG_INVALID', 'The store of the tenants records no operations.');

  const store = operations;

  async function run({ id, actor, reason }: Operation, holder: string, act: LongVerb['act']): Promise<void> {
    const kept = keptRunning(store, { id, holder, leaseMs });
    const outcome = await outcomeOf(() => tenancy.as({ actor, ...(reason && { reason }) }, () => act(kept.report)));
    await kept.stop();
    await withRetries(() => store.end(id, holder, outcome), leaseMs);
    await store.forget(keepMs, mostForgotten);
  }

  async function outcomeOf(act: () => Promise<LongResult>): Promise<OperationOutcome> {
    try {
      const { result, error } = await act();
      return error ? { status: 'failed', error, result } : { status: 'succeeded', result };
    } catch (thrown) {
      if (isFault(thrown)) onError(thrown);
      return { status: 'failed', error: described(thrown) };
    }
  }

  return {
    async begin({ verb, tenant, operator, reason, request, input, refusal, act }) {
      const key = keyOf(request);
      if (refusal && key === undefined) throw refusal;
      const holder = randomUUID();
      const digest = digestOf([verb, tenant, input]);
      const id = randomUUID();
      const draft = { id, verb, tenant, actor: operator.id, reason, key, digest, holder };
      const operation = await store.begin(draft, leaseMs);
      if (operation.id === id) {
        outside(() => run(operation, holder, refusal ? () => Promise.reject(refusal) : act).catch(onError));
        if (refusal) throw refusal;
      } else if (operation.digest !== digest) throw keyReused();
      return operationView(operation);
    },
  };
}

/** Central may be away for a moment. Once the lease is over, the operation counts as abandoned, and nothing is left to try. */
async function withRetries(write: () => Promise<unknown>, leaseMs: number): Promise<void> {
  const end = performance.now() + leaseMs;
  while (true) {
    try {
      await write();
      return;
    } catch (error) {
      if (!mayPass(error) || performance.now() > end) throw error;
    }
    await pause(Math.min(writeMs, leaseMs / 4), undefined, { ref: false });
  }
}

/** Renews an operation until it is stopped, and sooner where there is progress to tell. A renewal that fails is tried again. */
function keptRunning(
  operations: TenantOperations,
  { id, holder, leaseMs }: { id: string; holder: string; leaseMs: number },
) {
  let progress: OperationProgress | undefined;
  let written: OperationProgress | undefined;
  let renewedAt = performance.now();
  let writing: Promise<unknown> = Promise.resolve();

  async function renew(): Promise<void> {
    const told = progress;
    if (told === written && performance.now() - renewedAt < leaseMs / 3) return;
    await operations.renew(id, holder, leaseMs, told);
    written = told;
    renewedAt = performance.now();
  }

  const timer = setInterval(
    () => {
      writing = writing.then(renew).catch(() => {});
    },
    Math.min(writeMs, leaseMs / 4),
  );
  timer.unref();
  return {
    report: (now: OperationProgress) => {
      progress = now;
    },
    /** Writes what was told last. */
    async stop(): Promise<void> {
      clearInterval(timer);
      await writing.then(renew).catch(() => {});
    },
  };
}

/** What an operator is told. The message of an error that is not ours may say anything. */
function described(error: unknown): OperationError {
  if (!isTenancyError(error)) return { code: 'INTERNAL', message: 'It failed; the log of the process says why.' };
  const reasons = isFault(error) ? reasonsOf(error.cause) : [];
  return { code: error.code, message: [...new Set([error.message, ...reasons])].join(' ') };
}

/** What led to a failure: errors of omnitenant by their messages; others, and those of migrations, which may quote a row, by their codes. */
function reasonsOf(cause: unknown): string[] {
  if (cause instanceof AggregateError) return cause.errors.slice(0, 3).flatMap(reasonsOf);
  if (isTenancyError(cause) && cause.code !== 'MIGRATE_FAILED') return [cause.message, ...reasonsOf(cause.cause)];
  if (!(cause instanceof Error)) return [];
  const { code } = cause as { readonly code?: unknown };
  const named = typeof code === 'string' && /^[0-9A-Z_]{2,40}$/.test(code) ? `the code ${code}` : `no code`;
  return [`The cause is an error with ${named}; the log of the process has its message.`];
}

/** Whether the process has to tell of it, and not only the operator who asked. */
function isFault(error: unknown): boolean {
  return !isTenancyError(error) || error.status >= 500;
}

/** @throws INPUT_INVALID */
function keyOf({ headers }: Request): string | undefined {
  const key = headers.get('idempotency-key') ?? undefined;
  if (key === undefined || (key !== '' && key.length <= 255)) return key;
  throw new ProblemError('INPUT_INVALID', 'An Idempotency-Key has 1 to 255 characters, such as those of a UUID.');
}

function digestOf(asked: unknown): string {
  return createHash('sha256').update(JSON.stringify(asked)).digest('base64url');
}

function keyReused(): ProblemError {
  const message =
    'This Idempotency-Key was used for another request. Take a new one for each request, and the same one to repeat it.';
  return new ProblemError('KEY_REUSED', message);
}
