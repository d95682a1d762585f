import { concurrency } from './adapter/concurrency.ts';
import { identification } from './adapter/identification.ts';
import { lifetime } from './adapter/lifetime.ts';
import { ownErrors } from './adapter/own-errors.ts';
import { refusals } from './adapter/refusals.ts';
import { hold, type Promises, type SuiteApp, type SuiteServer } from './adapter/site.ts';

/** Options of `adapterSuite`. */
export interface AdapterSuiteOptions {
  /** The test runner's own function, vitest's or node:test's. */
  readonly test: {
    (name: string, fn: () => Promise<void>): unknown;
    readonly skip: (name: string, fn: () => Promise<void>) => unknown;
  };
  /** Serves `app` behind the adapter, over HTTP on 127.0.0.1. */
  readonly serve: (app: SuiteApp) => Promise<SuiteServer>;
  /** Promises that this framework cannot give, and why. */
  readonly skip?: readonly { readonly test: string; readonly reason: string }[];
}

/**
 * The promises of a web framework's adapter, as tests over real HTTP. An adapter's author writes `serve`: a server with the
 * adapter's middleware for `app.tenancy`, a JSON body parser (bodies of up to 1 MB), and one route for every method and path,
 * which calls `app.handle` and sends what it answers; mounted at `app.mountedAt` where there is one. What `handle` throws goes
 * through the framework to an error handler that asks `app.handleError` and leaves the rest to the framework's default.
 *
 * @example
 * adapterSuite({
 *   test,
 *   async serve(app) {
 *     const site = express().set('env', 'production').set('trust proxy', app.trustProxy);
 *     site.use(app.mountedAt || '/', tenancyMiddleware(app.tenancy), express.json({ limit: '1mb' }), async (req, res) => {
 *       res.on('finish', app.over).on('close', app.over);
 *       send(res, await app.handle({ body: req.body }));
 *     });
 *     site.use((error, req, res, next) => {
 *       const answer = app.handleError(error);
 *       answer ? send(res, answer) : next(error);
 *     });
 *     const server = site.listen(0, '127.0.0.1');
 *     await once(server, 'listening');
 *     return { port: server.address().port, close: async () => server.close().closeAllConnections() };
 *   },
 * });
 *
 * function send(res, { status, headers, body }) {
 *   res.status(status).set(headers);
 *   typeof body === 'object' ? pipeline(Readable.from(body), res, () => {}) : res.send(body);
 * }
 */
export function adapterSuite({ test, serve, skip = [] }: AdapterSuiteOptions): void {
  const promises: Promises = { ...identification, ...refusals, ...ownErrors, ...lifetime, ...concurrency };
  for (const skipped of skip) {
    if (!(skipped.test in promises)) throw new Error(`adapterSuite has no test "${skipped.test}" to skip.`);
  }
  for (const [name, made] of Object.entries(promises)) {
    const run = () => hold(serve, made());
    const skipped = skip.find((candidate) => candidate.test === name);
    if (skipped === undefined) test(name, run);
    else test.skip(`${name} (${skipped.reason})`, run);
  }
}
