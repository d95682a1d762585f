import { inject } from 'vitest';

/** The PostgreSQL of the run, and what the names begin with of all that its tests make there. */
interface TestServer {
  readonly url: string;
  readonly prefix: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    postgres: TestServer;
  }
}

export function testServer(): TestServer {
  return inject('postgres');
}
