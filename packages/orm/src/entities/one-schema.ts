import type { ForkOptions } from '@mikro-orm/core';
import { type EntityManagerClass, ownerOf } from './entity-manager-class.ts';
import { refuseSchema } from './refuse-schema.ts';

/** Makes an EntityManager refuse each option that names a schema. */
export function withOneSchema(Base: EntityManagerClass): EntityManagerClass {
  return class extends Base {
    override get schema(): string | undefined {
      return undefined;
    }

    override set schema(schema: string | null | undefined) {
      refuseSchema(schema, ownerOf(this));
    }

    override fork(options: ForkOptions = {}): this {
      refuseSchema(options.schema, ownerOf(this));
      return super.fork(options);
    }

    protected override prepareOptions<Options extends object>(options: Options): Options {
      refuseSchema((options as { schema?: string }).schema, ownerOf(this));
      return super.prepareOptions(options as never);
    }
  };
}
