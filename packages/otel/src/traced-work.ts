import type { TenancyTraces } from '@omnitenant/core';
import { type Attributes, SpanKind } from '@opentelemetry/api';

/** What is made of the messages of one tracing channel. */
export interface TracedWork {
  /** The span of a piece of work; `undefined` where there is none. */
  span?(
    message: never,
  ): { readonly name: string; readonly kind?: SpanKind; readonly attributes: Attributes } | undefined;
  /** The histogram of its durations. Its attributes have few values, and name no tenant. */
  readonly duration?: {
    readonly name: string;
    readonly description: string;
    attributes(message: never): Attributes;
  };
}

/** The messages of the packages that this one does not depend on, by the members that are used. */
interface WaitMessage {
  readonly for: 'share' | 'connection';
  readonly server: string;
  readonly database: string;
}
interface MigrateMessage {
  readonly server: string;
  readonly database: string;
  readonly schema: string;
  readonly tenant: string | undefined;
}
interface JobMessage {
  readonly queue: string;
  readonly id: string | undefined;
  readonly hasTelemetry: boolean;
}

/** The attributes by which the semantic conventions tell a pool: its server. */
export function poolAttributes(server: string): Attributes {
  return { 'db.system.name': 'postgresql', 'db.client.connection.pool.name': server };
}

/** The attributes by which the semantic conventions tell a queue. */
export function queueAttributes(queue: string): Attributes {
  return { 'messaging.system': 'bullmq', 'messaging.destination.name': queue };
}

const processing = { 'messaging.operation.name': 'process' };

/** By the name of the tracing channel. */
export const tracedWork: Readonly<Record<string, TracedWork>> = {
  'omnitenant:scope': {
    duration: {
      name: 'omnitenant.scope.duration',
      description: 'How long scopes of tenants, and of central, last.',
      attributes: ({ tenant }: TenancyTraces['omnitenant:scope']) => ({
        'omnitenant.scope.kind': tenant === undefined ? 'central' : 'tenant',
      }),
    },
  },
  'omnitenant:lookup': {
    span: ({ by, name }: TenancyTraces['omnitenant:lookup']) => ({
      name: 'tenant lookup',
      attributes: { 'omnitenant.lookup.by': by, 'omnitenant.lookup.name': name },
    }),
    duration: {
      name: 'omnitenant.lookup.duration',
      description: 'How long lookups of tenants take that memory does not answer.',
      attributes: ({ by }: TenancyTraces['omnitenant:lookup']) => ({ 'omnitenant.lookup.by': by }),
    },
  },
  'omnitenant:verb': {
    span: ({ verb }: TenancyTraces['omnitenant:verb']) => ({
      name: `${verb} tenant`,
      attributes: { 'omnitenant.verb': verb },
    }),
  },
  'omnitenant:step': {
    span: ({ step }: TenancyTraces['omnitenant:step']) => ({ name: step, attributes: { 'omnitenant.step': step } }),
  },
  'omnitenant:orm:wait': {
    span: (message: WaitMessage) => ({
      name: `wait for ${message.for}`,
      attributes: { ...poolAttributes(message.server), 'db.namespace': message.database },
    }),
    duration: {
      name: 'db.client.connection.wait_time',
      description: 'How long requests wait if no connection is free.',
      attributes: (message: WaitMessage) => ({
        ...poolAttributes(message.server),
        'omnitenant.wait.for': message.for,
      }),
    },
  },
  'omnitenant:orm:resend': {
    span: ({ schema }: { readonly schema: string }) => ({
      name: 'resend read',
      attributes: { 'omnitenant.schema': schema },
    }),
  },
  'omnitenant:orm:migrate': {
    span: ({ server, database, schema, tenant }: MigrateMessage) => ({
      name: tenant === undefined ? 'migrate central' : 'apply migrations',
      attributes: { ...poolAttributes(server), 'db.namespace': `${database}|${schema}` },
    }),
  },
  'omnitenant:cache:build': {
    span: () => ({ name: 'build cache entry', attributes: {} }),
  },
  'omnitenant:queue:job': {
    span: ({ queue, id, hasTelemetry }: JobMessage) =>
      hasTelemetry
        ? undefined
        : {
            name: `process ${queue}`,
            kind: SpanKind.CONSUMER,
            attributes: { ...queueAttributes(queue), ...processing, 'messaging.message.id': id ?? '' },
          },
    duration: {
      name: 'messaging.process.duration',
      description: 'How long workers work on a job.',
      attributes: ({ queue }: JobMessage) => ({ ...queueAttributes(queue), ...processing }),
    },
  },
};
