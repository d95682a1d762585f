import { Inject, Logger } from '@nestjs/common';
import type { Tenancy } from '@omnitenant/core';
import { TENANCY } from './tenancy-token.ts';

const property: unique symbol = Symbol('omnitenant.tenancy');

type Method = (this: object, ...args: never[]) => unknown;

/**
 * Runs the method once for each active tenant, in its scope, one after the other; for `@Cron` and `@Interval`. A tenant whose run fails is
 * logged, and the others continue; then the method rejects with all the errors.
 * @example
 * @Cron('0 3 * * *')
 * @ForEachTenant()
 * async removeExpiredCarts() { await this.em.nativeDelete(Cart, { expiresAt: { $lt: new Date() } }); }
 */
export function ForEachTenant(): MethodDecorator {
  return (prototype, name, descriptor) => {
    const method = descriptor.value as Method | undefined;
    if (typeof method !== 'function')
      throw new TypeError(`@ForEachTenant() requires a method, and "${String(name)}" is none.`);
    Inject(TENANCY)(prototype, property);
    const logger = new Logger(prototype.constructor.name);

    async function forEachTenant(this: object, ...args: never[]): Promise<void> {
      const tenancy: Tenancy = Reflect.get(this, property);
      const errors: unknown[] = [];
      for await (const { id } of tenancy.tenants.all({ status: 'active' })) {
        try {
          await tenancy.run(id, () => method?.apply(this, args));
        } catch (error) {
          logger.error(`${String(name)} failed in the tenant "${id}"`, error);
          errors.push(error);
        }
      }
      if (errors.length > 0) throw new AggregateError(errors, `${String(name)} failed in ${errors.length} tenants.`);
    }

    // What other decorators have noted about the method, such as its schedule.
    for (const key of Reflect.getMetadataKeys(method)) {
      Reflect.defineMetadata(key, Reflect.getMetadata(key, method), forEachTenant);
    }
    Object.assign(descriptor, { value: forEachTenant });
  };
}
