import { outside } from '@omnitenant/core';

/** The class, with instances constructed outside all scopes: their loops, timers and sockets belong to no tenant. */
export function constructedOutside<C extends abstract new (...args: never[]) => object>(base: C): C {
  return new Proxy(base, {
    construct: (target, args, newTarget) => outside(() => Reflect.construct(target, args, newTarget)),
  });
}
