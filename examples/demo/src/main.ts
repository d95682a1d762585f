import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createAdaptorServer } from '@hono/node-server';
import type { MiddlewareHandler } from 'hono';
import { createApi } from './api.ts';
import { openArchives } from './archives.ts';
import { createClient } from './client.ts';
import { companies } from './companies.ts';
import { type DemoDatabase, openDatabase } from './database.ts';
import { createReport, type Report } from './report.ts';
import { addCompany } from './seed.ts';
import { createSite } from './site.ts';
import { createTracker, type Tracker } from './tenancy.ts';
import { type Tour, takeTour } from './tour.ts';

const help = `A project tracker for several companies, on omnitenant.

  demo             makes the companies, sends them requests, and checks each row that comes back
  demo --serve     keeps it up afterwards, until Ctrl-C: the companies' pages, and the dashboard

  --port <number>      where it listens; default: 3000 with --serve, else any
  --requests <number>  how many requests are sent at once; default: 60
  --json               prints one JSON document instead of the report
  --help               prints this

It runs on PGlite, inside this process. With DATABASE_URL it runs on that PostgreSQL server, in databases
of its own called omnitenant_demo…, which it makes and drops; one company then has a database to itself.
`;

interface Settings {
  readonly serve: boolean;
  readonly json: boolean;
  readonly port: number;
  readonly requests: number;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      serve: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      port: { type: 'string' },
      requests: { type: 'string', default: '60' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const { serve, json } = values;
  const port = wholeNumber('--port', values.port ?? (serve ? '3000' : '0'), 65_535);
  const requests = wholeNumber('--requests', values.requests, 10_000);
  return demo({ serve, json, port, requests });
}

async function demo(settings: Settings): Promise<number> {
  const report = createReport(settings.json ? () => {} : undefined);
  const database = await openDatabase(process.env.DATABASE_URL);
  try {
    const tracker = await createTracker(database.config);
    try {
      return await show(tracker, database, report, settings);
    } finally {
      await tracker.tenancy.close();
    }
  } finally {
    await database.drop();
  }
}

async function show(
  tracker: Tracker,
  database: DemoDatabase,
  report: Report,
  { serve, json, port, requests }: Settings,
): Promise<number> {
  report.heading('omnitenant: one application, several companies', database.name);
  await report.step(
    'Starting the database, which takes a few seconds where it is PGlite',
    () => tracker.tenancy.migrateCentral(),
    () => 'central, where the companies and their domains are kept',
  );
  const isolations: string[] = [];
  for (const data of companies) {
    const isolation = data.id === 'cobalt' && database.manyDatabases ? 'database' : 'schema';
    isolations.push(isolation);
    await report.step(
      `Making ${data.name}`,
      () => addCompany(tracker, data, isolation),
      ({ id, name, status, placement }) =>
        `${id.padEnd(8)} ${name.padEnd(18)} ${status.padEnd(10)} ${isolation} ${placement[isolation]}`,
    );
  }
  const archives = serve ? await openArchives() : undefined;
  const site = archives ? createSite(tracker, archives, overlap) : createApi(tracker, overlap);
  const server = createAdaptorServer({ fetch: site.fetch }) as Server;
  try {
    const url = await report.step(
      'Starting the API',
      () => listen(server, port),
      (address) => `the API, on ${address}`,
    );
    const client = createClient(Number(new URL(url).port));
    const tour = await takeTour(tracker, client, { companies, requests }).finally(() => client.close());
    report.tour(tour);
    if (json) process.stdout.write(`${JSON.stringify(summary(database.name, isolations, tour), null, 2)}\n`);
    if (archives) {
      invite(report, new URL(url).port);
      if (database.manyDatabases) report.lines('', `What the dashboard exports is in ${archives.folder} until then.`);
      await interrupted();
      report.lines('', 'Stopping.');
    }
    return tour.faults.length === 0 ? 0 : 1;
  } finally {
    server.close();
    server.closeAllConnections();
    await archives?.remove();
  }
}

/** Lets requests wait inside their scopes, so that they overlap and overtake each other even where a query takes no time. */
const overlap: MiddlewareHandler = async (_context, next) => {
  await sleep(Math.random() * 30);
  await next();
};

async function listen(server: Server, port: number): Promise<string> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return `http://localhost:${(server.address() as AddressInfo).port}`;
}

function invite(report: Report, port: string): void {
  const at = (host: string) => `http://${host}.localhost:${port}`;
  const domain = companies[0]?.domain ?? '';
  report.lines(
    'It stays up until Ctrl-C. Try:',
    '',
    `http://localhost:${port}/                    the way to all of it, in a browser`,
    `http://localhost:${port}/admin/              the dashboard`,
    `${at('acme')}/               a company's pages, with a button that tries to leak`,
    `${at('drift')}/              suspended`,
    `${at('bloom')}/tasks         the API`,
    `curl -H 'Host: ${domain}' http://localhost:${port}/workload`,
    `curl -H 'X-Tenant: cobalt' http://localhost:${port}/projects/1`,
    `curl -d '{"project":1,"title":"Say hello"}' -H 'Content-Type: application/json' ${at('bloom')}/tasks`,
  );
}

async function interrupted(): Promise<void> {
  const stop = new AbortController();
  await Promise.race(['SIGINT', 'SIGTERM'].map((signal) => once(process, signal, { signal: stop.signal })));
  stop.abort();
}

function summary(database: string, isolations: readonly string[], { visits, ...tour }: Tour) {
  const doors = visits.map(({ door: { host, headers, foundBy, tenant }, status }) => ({
    ...{ host, headers, foundBy, tenant, status },
  }));
  return { ok: tour.faults.length === 0, database, isolations, doors, ...tour };
}

function wholeNumber(option: string, value: string, most: number): number {
  const number = Number(value);
  if (/^\d+$/.test(value) && number <= most) return number;
  throw new Error(`${option} takes a whole number up to ${most}, not "${value}".`);
}

/** What went wrong, and what that was caused by. */
function sentences(error: unknown): string[] {
  return error instanceof Error ? [error.message, ...(error.cause ? sentences(error.cause) : [])] : [String(error)];
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`\n  ${sentences(error).join('\n  ')}\n\n`);
  process.exitCode = 1;
}
