import { outside } from '@omnitenant/core';

/** The class, whose instances are made outside all scopes: their loops, timers and sockets belong to no tenant. */
export function detached<C extends abstract new (...args: never[]) => object>(base: C): C {
  return new Proxy(base, {
    construct: (target, args, newTarget) => outside(() => Reflect.construct(target, args, newTarget)),
  });
}
