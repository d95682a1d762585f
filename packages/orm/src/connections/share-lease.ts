/** What one request takes of its tenant's share, from before it waits for the connection until the connection is given back. */
export class ShareLease {
  readonly #tenant: { lent: number };
  readonly #whole: number;
  readonly #count: (tenant: never, amount: number) => void;
  #taken = 0;
  #isLent = false;

  constructor(tenant: { lent: number }, whole: number, count: (tenant: never, amount: number) => void) {
    this.#tenant = tenant;
    this.#whole = whole;
    this.#count = count;
  }

  take(amount: number): void {
    this.#taken += amount;
    this.#count(this.#tenant as never, amount);
  }

  /** A read that got a connection alone takes all of it. */
  lent(isShared: boolean): void {
    this.#isLent = true;
    this.#tenant.lent += 1;
    if (!isShared && this.#taken < this.#whole) this.take(this.#whole - this.#taken);
  }

  end(): void {
    const taken = this.#taken;
    this.#taken = 0;
    if (this.#isLent) this.#tenant.lent -= 1;
    this.#isLent = false;
    if (taken > 0) this.#count(this.#tenant as never, -taken);
  }
}
