import { isTenancyError } from '@omnitenant/core';
import type { Answer, Client } from './client.ts';
import type { CompanyData } from './companies.ts';
import { type Door, openDoors, otherDoors } from './doors.ts';
import { Customer, Project, Task } from './entities.ts';
import { createLedger, type Proof } from './ledger.ts';
import type { Tracker } from './tenancy.ts';

/** What the tour saw. */
export interface Tour {
  /** One request through each door. */
  readonly visits: readonly Visit[];
  /** Many requests at once, through all doors. */
  readonly crowd: { readonly requests: number; readonly scopesAtOnce: number; readonly milliseconds: number };
  /** What was refused without a tenant, or with the wrong one. */
  readonly refusals: readonly Refusal[];
  readonly proof: readonly Proof[];
  /** What went wrong; empty where all is well. */
  readonly faults: readonly string[];
}

export interface Visit extends Answer {
  readonly door: Door;
  readonly path: string;
}

export interface Refusal {
  readonly attempt: string;
  readonly code: string;
  readonly message: string;
}

const paths = ['/projects', '/tasks', '/workload', '/projects/1', '/tasks?done=true'];

/** Goes through every door, alone and in a crowd, and looks at each row that comes back. */
export async function takeTour(
  tracker: Tracker,
  client: Client,
  { companies, requests }: { companies: readonly CompanyData[]; requests: number },
): Promise<Tour> {
  const ledger = createLedger(companies);
  const doors = openDoors(companies);
  const others = otherDoors(companies);

  async function visit(door: Door, path: string): Promise<Visit> {
    const answer = await client.get(door, path);
    ledger.judge(door, path, answer, false);
    return { door, path, ...answer };
  }

  async function write(door: Door, title: string): Promise<void> {
    if (door.tenant) ledger.add(door.tenant, title);
    ledger.judge(door, '/tasks', await client.post(door, '/tasks', { project: 1, title }), true);
  }

  const visits: Visit[] = [];
  for (const door of doors) visits.push(await visit(door, '/projects/1'));
  for (const door of others) visits.push(await visit(door, '/'));

  // Neighbours in the crowd are of different tenants; some write, and some are turned away.
  const scopes = countScopes(tracker);
  const started = performance.now();
  await Promise.all(
    Array.from({ length: requests }, (_, n) => {
      const door = at(doors, n * 4);
      if (n % 10 === 9) return visit(at(others, (n - 9) / 10), '/');
      if (n % 6 === 5) return write(door, `Call back about invoice ${1000 + n}`);
      return visit(door, at(paths, Math.floor(n / 2)));
    }),
  );
  const crowd = { requests, scopesAtOnce: scopes.stop(), milliseconds: Math.round(performance.now() - started) };

  for (const { tenant } of ledger.proof) ledger.judgeStored(tenant, await storedNames(tracker, tenant));
  const refusals = await attempts(tracker);
  for (const { attempt, code } of refusals) if (code === 'none') ledger.fault(`It was not refused: ${attempt}.`);

  return { visits, crowd, refusals, proof: ledger.proof, faults: ledger.faults };
}

/** Counts the tenants' scopes that are open at once, by the signals of their beginning and end. */
function countScopes({ tenancy }: Tracker): { stop(): number } {
  let open = 0;
  let most = 0;
  const off = [
    tenancy.signals.on('activated', ({ scope }) => {
      if (scope.kind === 'tenant') most = Math.max(most, ++open);
    }),
    tenancy.signals.on('deactivated', ({ scope }) => {
      if (scope.kind === 'tenant') open -= 1;
    }),
  ];
  return {
    stop: () => {
      for (const remove of off) remove();
      return most;
    },
  };
}

function storedNames({ tenancy, orm }: Tracker, tenant: string): Promise<string[]> {
  return tenancy.run(tenant, async () => {
    const customers = await orm.em.findAll(Customer);
    const projects = await orm.em.findAll(Project);
    const tasks = await orm.em.findAll(Task);
    return [...customers, ...projects].map(({ name }) => name).concat(tasks.map(({ title }) => title));
  });
}

/** Mistakes that would leak elsewhere. */
async function attempts({ tenancy, orm }: Tracker): Promise<Refusal[]> {
  const mistakes: Readonly<Record<string, () => Promise<unknown>>> = {
    'a query where no tenant was entered': () => orm.em.find(Task, {}),
    'a tenant’s table asked for in central': () => tenancy.central(() => orm.em.find(Task, {})),
    'another schema asked for by name': () => tenancy.run('acme', () => orm.em.find(Task, {}, { schema: 't_bloom' })),
    'a script that enters a suspended tenant': () => tenancy.run('drift', () => orm.em.find(Task, {})),
  };
  const refusals: Refusal[] = [];
  for (const [attempt, make] of Object.entries(mistakes)) {
    try {
      await make();
      refusals.push({ attempt, code: 'none', message: '' });
    } catch (error) {
      if (!isTenancyError(error)) throw error;
      refusals.push({ attempt, code: error.code, message: error.message });
    }
  }
  return refusals;
}

function at<E>(list: readonly E[], n: number): E {
  return list[n % list.length] as E;
}
