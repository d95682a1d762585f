import type { ModulesContainer } from '@nestjs/core';

/** The applications that a tenancy serves. */
const applications = new WeakMap<object, Set<ModulesContainer>>();
const followed = new WeakSet<object>();
/** The hooks that have not settled, by the client that they were called for. */
const unsettled = new WeakMap<object, Set<Promise<unknown>>>();

type Hook = (client: object, ...args: unknown[]) => unknown;

/** Makes the gateways of an application known to the socket adapter of its tenancy. Returns what undoes it. */
export function serveGateways(tenancy: object, modules: ModulesContainer): () => void {
  const served = applications.get(tenancy) ?? new Set();
  applications.set(tenancy, served.add(modules));
  return () => served.delete(modules);
}

/** Nest drops the promises of the gateways' hooks, and an error of one would end the process. This keeps both. */
export function followHooks(tenancy: object, onError: (error: unknown) => void): void {
  for (const gateway of [...(applications.get(tenancy) ?? [])].flatMap(gatewaysOf)) {
    if (followed.has(gateway)) continue;
    followed.add(gateway);
    for (const name of ['handleConnection', 'handleDisconnect']) follow(gateway, name, onError);
  }
}

function gatewaysOf(modules: ModulesContainer): object[] {
  return [...modules.values()]
    .flatMap(({ providers }) => [...providers.values()])
    .filter(({ metatype }) => typeof metatype === 'function' && Reflect.hasMetadata('websockets:is_gateway', metatype))
    .map(({ instance }) => instance as object);
}

/** Resolves when the hooks that were called for a client have settled. */
export async function hooksSettled(client: object): Promise<void> {
  await Promise.all(unsettled.get(client) ?? []);
}

function follow(gateway: object, name: string, onError: (error: unknown) => void): void {
  const hook: Hook | undefined = Reflect.get(gateway, name);
  if (typeof hook !== 'function') return;
  async function following(client: object, ...args: unknown[]): Promise<void> {
    const calls = unsettled.get(client) ?? new Set();
    unsettled.set(client, calls);
    const call = (async () => hook?.call(gateway, client, ...args))().catch(onError);
    calls.add(call);
    await call;
    calls.delete(call);
  }
  Reflect.set(gateway, name, following);
}
