import type { Tenancy } from '@omnitenant/core';
import type { Canaries, CanaryMaker } from './canary.ts';
import type { OpenApp } from './leak-app.ts';
import type { LeakReport } from './leak-report.ts';

/** What an application is asked and called for, by name. */
export interface Driven {
  /** Requests, as a client of that tenant makes them. What they send may hold further canaries. */
  readonly requests?: Readonly<Record<string, (tenant: string, canary: CanaryMaker) => Request>>;
  /** Functions of the application, each run in that tenant's scope. Their results are looked through. */
  readonly functions?: Readonly<Record<string, (tenant: string, canary: CanaryMaker) => unknown>>;
}

/** Something that the application does for one tenant. */
interface Action {
  /** What it is, such as `"list tasks" as 'acme'`. */
  readonly label: string;
  /** Does it, and looks through what comes of it. */
  act(when: string): Promise<void>;
}

export interface Actions {
  /** All requests and functions, for each tenant. */
  readonly all: readonly Action[];
  /** The functions, for the tenant whose scope they are called in. */
  called(tenant: string): readonly Action[];
}

export const answersKind = 'the answers';
export const resultsKind = 'the results';

export function createActions(
  { requests = {}, functions = {} }: Driven,
  context: {
    readonly tenancy: Pick<Tenancy, 'run'>;
    readonly tenants: readonly string[];
    readonly app: OpenApp | undefined;
    readonly canaries: Canaries;
    readonly report: LeakReport;
  },
): Actions {
  const { tenancy, tenants, app, canaries, report } = context;

  function action(kind: string, name: string, tenant: string, run: (look: Look, canary: CanaryMaker) => Promise<void>) {
    const label = `"${name}" as '${tenant}'`;
    async function act(when: string): Promise<void> {
      const look: Look = (what, value) =>
        report.look({ what: `${what} "${name}"`, kind, of: [tenant], during: `${label}, ${when}` }, value);
      try {
        await run(look, canaries.makerOf(tenant, `"${name}" ${when}`));
      } catch (error) {
        look('the error of', error);
        report.fail(label, error);
      }
    }
    return { label, act };
  }

  const ask = ([name, request]: readonly [string, RequestOf], tenant: string): Action =>
    action(answersKind, name, tenant, async (look, canary) => {
      const { status, headers, body } = await (app as OpenApp).ask(request(tenant, canary));
      look(`the body of the answer (${status}) to`, body);
      look(`the headers of the answer (${status}) to`, headers);
      report.answered(`"${name}" as '${tenant}'`, status);
      if (status >= 500) throw new Error(`the answer has the status ${status}`);
    });

  const call = ([name, fn]: readonly [string, FunctionOf], tenant: string): Action =>
    action(resultsKind, name, tenant, async (look, canary) => look('the result of', await fn(tenant, canary)));

  const called = (tenant: string) => Object.entries(functions).map((entry) => call(entry, tenant));
  const asked = (tenant: string) => Object.entries(requests).map((entry) => ask(entry, tenant));
  const inScope = (tenant: string) =>
    called(tenant).map(({ label, act }) => ({ label, act: (when: string) => tenancy.run(tenant, () => act(when)) }));
  return { all: tenants.flatMap((tenant) => [...asked(tenant), ...inScope(tenant)]), called };
}

type RequestOf = NonNullable<Driven['requests']>[string];
type FunctionOf = NonNullable<Driven['functions']>[string];
type Look = (what: string, value: unknown) => void;
