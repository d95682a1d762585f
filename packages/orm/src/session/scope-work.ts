import { TenancyError } from '@omnitenant/core';
import type { ResourceScope, Scope } from '@omnitenant/core/extend';

/** A connection that may hold a transaction or a stream. */
export interface OpenWork {
  /** Whether it holds one that has to be ended. */
  readonly isBusy: boolean;
  /** Rolls it back and gives the connection back; whoever uses it afterwards gets the error. */
  close(error: () => Error): void;
  /** Its session is being ended from outside, so it is closed when it is released: the end may come after its last answer. */
  doom(): void;
  readonly processID?: number | undefined;
}

/** The connections that were checked out in a scope and not released yet. */
const checkedOut = new WeakMap<object, Set<OpenWork>>();

/** Stands for the scope where there is none. */
const nowhere: object = {};

/** Remembers a connection with its scope until it is released. */
export function checkOut(scope: Scope | undefined, client: OpenWork): void {
  const clients = checkedOut.get(scope ?? nowhere) ?? new Set();
  checkedOut.set(scope ?? nowhere, clients.add(client));
}

export function checkIn(scope: Scope | undefined, client: OpenWork): void {
  checkedOut.get(scope ?? nowhere)?.delete(client);
}

/** Has the scope's connection to that process closed when it is released: PostgreSQL was told to end it. */
export function doom(scope: Scope | undefined, processID: number): void {
  for (const client of checkedOut.get(scope ?? nowhere) ?? []) if (client.processID === processID) client.doom();
}

/** Rolls back the transactions and ends the streams that a scope leaves open. Single statements run to their end. */
export function endWorkOf(scope: ResourceScope): void {
  for (const client of checkedOut.get(scope) ?? []) {
    if (client.isBusy) client.close(() => scopeEnded(scope));
  }
}

/** For work that continues in a transaction or stream of a scope that has ended, or begins one there. */
export function scopeEnded(scope: ResourceScope): TenancyError {
  const [name, tenant] = scope.kind === 'tenant' ? [`of tenant "${scope.tenant.id}"`, scope.tenant.id] : ['of central'];
  return new TenancyError(
    'SCOPE_ENDED',
    `A transaction or stream is used after its scope ${name} has ended, which rolled it back. ` +
      'Await the work inside the scope, or enter a scope for it with tenancy.run.',
    tenant === undefined ? {} : { tenant },
  );
}
