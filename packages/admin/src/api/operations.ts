import { setTimeout as pause } from 'node:timers/promises';
import type { TenantOperations } from '@omnitenant/core/extend';
import { ProblemError } from '../problem.ts';
import type { Operation } from '../schemas/operation.ts';
import type { ApiParts, Handlers } from './handlers.ts';
import { operationView } from './operation-view.ts';
import { pageOf } from './page-of.ts';

/** How often an operation is looked at while somebody watches it, in milliseconds. */
const lookMs = 500;

/** Shows operations. */
export function operationHandlers({ orm }: ApiParts): Handlers<'operations' | 'operation' | 'operationEvents'> {
  const operations = orm.store.operations as TenantOperations;

  async function read(id: string): Promise<Operation> {
    const found = await operations.find(id);
    if (found) return operationView(found);
    throw new ProblemError('NOT_FOUND', 'There is no such operation.');
  }

  return {
    async operations({ query: { limit, ...query } }) {
      const found = await operations.page({ ...query, limit: limit + 1 });
      const { shown, next } = pageOf(found, limit, ({ id }) => id);
      return { operations: shown.map(operationView), next };
    },

    operation: ({ params: { id = '' } }) => read(id),

    async operationEvents({ params: { id = '' }, request, isPermitted }) {
      const first = await read(id);
      const body = ReadableStream.from(changesOf(first, { read: () => read(id), isPermitted, signal: request.signal }));
      return new Response(body.pipeThrough(new TextEncoderStream()), {
        headers: { 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' },
      });
    },
  };
}

interface Watched {
  readonly read: () => Promise<Operation>;
  readonly isPermitted: () => Promise<boolean>;
  readonly signal: AbortSignal;
}

/** An event for each change, until the operation has ended, nobody listens, or who listens may no longer. */
async function* changesOf(first: Operation, { read, isPermitted, signal }: Watched): AsyncGenerator<string> {
  let sent = '';
  for (let operation = first; ; operation = await read()) {
    const data = JSON.stringify(operation);
    if (data !== sent && operation !== first && !(await isPermitted())) return;
    // A comment keeps proxies from closing the connection, and finds out that the client is gone.
    yield data === sent ? ': still running\n\n' : `event: operation\ndata: ${data}\n\n`;
    sent = data;
    if (operation.status !== 'running' || signal.aborted) return;
    await pause(lookMs, undefined, { ref: false });
  }
}
