/** An error that is the client's. Express answers with its status, and shows its message. */
export class HttpError extends Error {
  readonly expose = true;
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export const notFound = (what: string) => () => new HttpError(404, `There is no such ${what}.`);
