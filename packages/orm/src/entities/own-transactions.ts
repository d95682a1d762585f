import type { Transaction, TransactionOptions } from '@mikro-orm/core';
import { TenancyError } from '@omnitenant/core';
import { type DriverEntityManager, type EntityManagerClass, ownerOf } from './entity-manager-class.ts';
import { refusePinned, type SessionContext } from './refuse-schema.ts';

type Begin = Parameters<DriverEntityManager['begin']>;
type Options = TransactionOptions & { sessionContext?: SessionContext };

/** Makes an EntityManager refuse a transaction that another scope began. */
export function withOwnTransactions(Base: EntityManagerClass): EntityManagerClass {
  return class extends Base {
    override async transactional<T>(cb: (em: this) => T | Promise<T>, options: Options = {}): Promise<T> {
      this.#check(options);
      return super.transactional(cb, options);
    }

    override async begin(...[options = {}]: Begin): Promise<void> {
      this.#check(options);
      await super.begin(options);
      this.#own(this.getTransactionContext());
    }

    override setTransactionContext(transaction: Transaction): void {
      refuseForeignTransaction(transaction, this);
      this.#own(transaction);
      super.setTransactionContext(transaction);
    }

    protected override prepareOptions<O extends object>(options: O): O {
      refuseForeignTransaction((options as Options).ctx, this);
      return super.prepareOptions(options as never);
    }

    override setSessionContext(context: SessionContext): void {
      refusePinned(context);
      super.setSessionContext(context as never);
    }

    override getTransactionSessionContext(): ReturnType<DriverEntityManager['getTransactionSessionContext']> {
      const context = super.getTransactionSessionContext();
      refusePinned(context);
      return context;
    }

    #check({ ctx, sessionContext }: Options): void {
      refuseForeignTransaction(ctx, this);
      refusePinned(sessionContext);
    }

    #own(transaction: Transaction | undefined): void {
      if (transaction) owners.set(transaction, ownerOf(this).scopeKey);
    }
  };
}

/** The scope of each transaction that an EntityManager has been in. */
const owners = new WeakMap<object, string>();

/** @throws CROSS_TENANT when another scope's EntityManager began the transaction. */
function refuseForeignTransaction(transaction: Transaction | undefined, em: DriverEntityManager): void {
  const owner = transaction && owners.get(transaction);
  if (owner === undefined) return;
  const { scopeKey, scopeLabel } = ownerOf(em);
  if (owner === scopeKey) return;
  throw new TenancyError(
    'CROSS_TENANT',
    `A transaction of another scope was used in the scope of "${scopeLabel}". ` +
      'Remove the option ctx: what em.transactional() awaits is in its transaction.',
    { tenant: scopeLabel },
  );
}
