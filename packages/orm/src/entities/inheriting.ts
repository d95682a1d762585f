/**
 * Has objects inherit from what is derived from their prototype. Methods that an object needs are made once in this way, and not anew for
 * each object.
 */
export function inheriting<Base extends object>(derive: (base: Base) => object): <O extends Base>(object: O) => O {
  const derived = new WeakMap<Base, object>();
  return (object) => {
    const base = Object.getPrototypeOf(object);
    let heir = derived.get(base);
    if (heir === undefined) {
      heir = derive(base);
      derived.set(base, heir);
    }
    return Object.setPrototypeOf(object, heir);
  };
}
