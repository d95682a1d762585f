import type { Command, Envelope, TransactionStatus } from '../sql/client.ts';
import { discardAll } from './cleaning.ts';

/** The envelopes that the statements of one placement are sent in, made once of its pin. */
export interface Envelopes {
  /** For a statement of which nothing is known. By itself it is a transaction, after which the session is as good as new. */
  readonly any: (status: TransactionStatus) => Envelope;
  /** For a read that is known to leave nothing in its session. */
  readonly read: (status: TransactionStatus) => Envelope;
  /** For the first statement of a transaction, which begins with `begin`. */
  readonly first: (begin: string) => (status: TransactionStatus) => Envelope;
  /**
   * For a statement that ends a transaction. Through a pooler, what comes after it goes to another session, so what the transaction
   * has left is ended in the same write.
   */
  readonly last: (status: TransactionStatus) => Envelope;
}

/**
 * Puts the pin in front of every statement, in a transaction too, so that nothing sent earlier has to have held. Only a
 * transaction that has failed gets its statements bare: PostgreSQL runs none of them but what ends it.
 */
export function envelopesOf(pin: readonly Command[]): Envelopes {
  const alone: Envelope = { before: ['begin', ...pin], after: ['commit', discardAll], leavesNothing: true };
  const aloneRead: Envelope = { before: ['begin', ...pin], after: ['commit'], leavesNothing: true };
  const inTransaction: Envelope = { before: pin, after: [], leavesNothing: false };
  const atEnd: Envelope = { before: pin, after: [discardAll], leavesNothing: true };

  function byStatus(idle: Envelope): (status: TransactionStatus) => Envelope {
    return (status) => {
      if (status === 'E') return bare;
      return status === 'T' ? inTransaction : idle;
    };
  }

  return {
    any: byStatus(alone),
    read: byStatus(aloneRead),
    first: (begin) => byStatus({ before: [begin, ...pin], after: [], leavesNothing: false }),
    last: (status) => {
      if (status === 'E') return end;
      return status === 'T' ? atEnd : alone;
    },
  };
}

/** The same envelope behind the end of a statement by itself that has failed, and with it the transaction around it. */
export function afterFailure(envelope: Envelope): Envelope {
  return { ...envelope, before: ['rollback', ...envelope.before] };
}

/** For what the driver itself sends to end a transaction. */
export function ending(): Envelope {
  return end;
}

const bare: Envelope = { before: [], after: [], leavesNothing: false };
const end: Envelope = { before: [], after: [discardAll], leavesNothing: true };
