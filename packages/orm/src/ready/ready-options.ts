import type { ReadyIsolation } from './unnamed-tenant.ts';

/** Storage that is made before its tenants: creating one of them takes it, and costs milliseconds. */
export interface ReadyTenants {
  /**
   * Makes storage until there are `count`, and replaces what an earlier version of the migrations has made. Call it after each deployment,
   * and from a timer or a job: any number of processes may.
   *
   * @throws CONFIG_INVALID, PROVISION_FAILED
   *
   * @example
   * await orm.ready.fill({ isolation: 'database', count: 20 });
   */
  fill(options?: FillReadyOptions): Promise<FilledReady>;
  /** What there is, by isolation and server. */
  stock(): Promise<readonly ReadyStock[]>;
  /** Destroys what no tenant has taken, of any version, and returns how many there were. */
  clear(options?: ReadyOptions): Promise<number>;
}

/** Which storage is meant. */
export interface ReadyOptions {
  /** Default: the isolation of new tenants. */
  readonly isolation?: ReadyIsolation | undefined;
  /** Default: that of the configuration. */
  readonly server?: string | undefined;
}

/** How much is made. */
export interface FillReadyOptions extends ReadyOptions {
  /** How many there are to be. Default: as many as there are, at the version of the code. */
  readonly count?: number | undefined;
  /** Begins no further one once aborted. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each one that was made. */
  readonly onProgress?: ((progress: { readonly made: number; readonly ready: number }) => void) | undefined;
}

/** The result of `fill`. */
export interface FilledReady {
  readonly made: number;
  /** The number of those that were replaced, or that a process had left unfinished. */
  readonly removed: number;
  /** The number of those that the next tenants take. */
  readonly ready: number;
}

/** The storage of one isolation on one server. */
export interface ReadyStock {
  readonly isolation: ReadyIsolation;
  readonly server: string;
  /** The number of those that the next tenants take. */
  readonly ready: number;
  /** The number of those that other migrations have made: `fill` replaces them, unless newer code made them. */
  readonly outdated: number;
}
