/**
 * The statements that are prepared on one connection, which end with what else is in its session. A name is never used twice, so that
 * nothing else is executed where a statement could not be prepared or has ended.
 */
export class PreparedStatements {
  readonly #names = new Map<string, string>();
  /** Those whose preparing is not answered, or has failed. */
  readonly #pending = new Set<string>();
  /** How many were to be prepared since the session was as good as new. */
  #inSession = 0;
  #made = 0;

  /** The name under which it is prepared. */
  nameOf(statement: string): string | undefined {
    return this.#names.get(statement);
  }

  /** A name to prepare it under; `undefined` where that was tried, or where the session has as many as it may have. */
  newNameFor(statement: string): string | undefined {
    if (this.#inSession === mostInSession || this.#pending.has(statement)) return undefined;
    this.#pending.add(statement);
    this.#inSession += 1;
    this.#made += 1;
    return `omnitenant_${this.#made}`;
  }

  isPrepared(statement: string, name: string): void {
    this.#pending.delete(statement);
    this.#names.set(statement, name);
  }

  /** It has ended, or can be executed no longer. */
  forget(statement: string): void {
    this.#names.delete(statement);
  }

  /** The session is as good as new. */
  clear(): void {
    this.#names.clear();
    this.#pending.clear();
    this.#inSession = 0;
  }
}

/** PostgreSQL keeps some 20 KB for each, for as long as its session holds it. */
const mostInSession = 64;
