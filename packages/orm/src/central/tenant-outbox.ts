import type { Outbox, OutboxMessage, SubscriberState } from '@omnitenant/core/extend';
import { outboxTable, subscriberTable } from './internal-tables.ts';

type Execute = <Row extends object>(sql: string, parameters: readonly unknown[]) => Promise<Row[]>;

const columns = 'id, number, type, tenant, created_at, host, at, attempts, error';

/** The outbox in central, by the clock of its server. `recordChanges` writes the messages. */
export function centralOutbox(execute: Execute): Outbox {
  return {
    async subscribe(subscribers) {
      for (const { name, types } of subscribers) {
        await execute(
          `insert into ${subscriberTable} (name, types) values (?, ?::jsonb)
           on conflict (name) do update set types = excluded.types returning name`,
          [name, JSON.stringify(types)],
        );
      }
    },

    async unsubscribe(name) {
      return (await execute(`delete from ${subscriberTable} where name = ? returning name`, [name])).length > 0;
    },

    async subscribers() {
      const rows = await execute<SubscriberRow>(
        `select name, disabled_at, count(number) filter (where dead_at is null) as waiting, count(dead_at) as dead,
           min(at) filter (where dead_at is null) as oldest_at
         from ${subscriberTable} left join ${outboxTable} on subscriber = name group by name order by name`,
        [],
      );
      return rows.map(stateOf);
    },

    async due(subscriber, limit) {
      const rows = await execute<MessageRow>(
        `select ${columns} from (
           select distinct on (tenant) ${columns}, due_at from ${outboxTable} join ${subscriberTable} on name = subscriber
           where subscriber = ? and dead_at is null and disabled_at is null order by tenant, number
         ) as head where due_at <= clock_timestamp() order by number limit ?`,
        [subscriber, limit],
      );
      return rows.map(messageOf);
    },

    async delivered(subscriber, number) {
      await execute(`delete from ${outboxTable} where subscriber = ? and number = ?`, [subscriber, number]);
    },

    async failed(subscriber, number, { error, retryMs }) {
      await execute(
        `update ${outboxTable} set attempts = attempts + 1, error = ?,
           due_at = clock_timestamp() + coalesce(?::float8, 0) * interval '1 millisecond',
           dead_at = case when ?::float8 is null then clock_timestamp() end
         where subscriber = ? and number = ? and dead_at is null`,
        [error, retryMs ?? null, retryMs ?? null, subscriber, number],
      );
    },

    async disable(subscriber) {
      await execute(
        `update ${subscriberTable} set disabled_at = coalesce(disabled_at, clock_timestamp()) where name = ?`,
        [subscriber],
      );
    },

    async dead(subscriber, { after, limit }) {
      const rows = await execute<MessageRow>(
        `select ${columns} from ${outboxTable} where subscriber = ? and dead_at is not null and number > ? order by number limit ?`,
        [subscriber, after, limit],
      );
      return rows.map(messageOf);
    },

    async resend(subscriber, event) {
      await execute(`update ${subscriberTable} set disabled_at = null where name = ?`, [subscriber]);
      const revived = await execute(
        `update ${outboxTable} set dead_at = null, attempts = 0, due_at = clock_timestamp()
         where subscriber = ? and dead_at is not null and id = coalesce(?, id) returning number`,
        [subscriber, event ?? null],
      );
      return revived.length;
    },
  };
}

interface MessageRow {
  readonly id: string;
  readonly number: string;
  readonly type: OutboxMessage['type'];
  readonly tenant: string;
  readonly created_at: string | Date;
  readonly host: string | null;
  readonly at: string | Date;
  readonly attempts: number;
  readonly error: string | null;
}

function messageOf({ id, number, type, tenant, created_at, host, at, attempts, error }: MessageRow): OutboxMessage {
  return {
    ...{ id, number: Number(number), type, tenant, createdAt: new Date(created_at), at: new Date(at), attempts },
    ...(host !== null && { host }),
    ...(error !== null && { error }),
  };
}

interface SubscriberRow {
  readonly name: string;
  readonly disabled_at: string | Date | null;
  readonly waiting: string;
  readonly dead: string;
  readonly oldest_at: string | Date | null;
}

function stateOf({ name, disabled_at, waiting, dead, oldest_at }: SubscriberRow): SubscriberState {
  return {
    ...{ name, waiting: Number(waiting), dead: Number(dead) },
    ...(oldest_at !== null && { oldestAt: new Date(oldest_at) }),
    ...(disabled_at !== null && { disabledAt: new Date(disabled_at) }),
  };
}
