import type * as v from 'valibot';
import type { Operator, Permission } from '../operator.ts';
import type { ProblemCode } from '../problem.ts';

type Schema = v.GenericSchema;

/** One operation of the API: what it takes and gives. The OpenAPI document is made of it, and requests are checked by it. */
export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below `/api/v1`; parameters in braces. */
  readonly path: `/${string}`;
  readonly permission: Permission;
  readonly summary: string;
  readonly query?: Schema;
  readonly body?: Schema;
  readonly answer: Schema;
  /** Default: 200. */
  readonly status?: 200 | 201 | 202;
  /** Its media type if it is not JSON. */
  readonly type?: string;
  /** Whether `If-Match` is required, allowed, or not read. */
  readonly ifMatch?: 'required' | 'optional';
  /** Whether it is about this process alone, and asks no store. */
  readonly isLocal?: boolean;
  /** What can be refused besides what any operation can. */
  readonly problems?: readonly ProblemCode[];
}

type Output<S> = S extends Schema ? v.InferOutput<S> : undefined;

/** One call of an endpoint, checked. */
export interface Call<E extends Endpoint> {
  readonly request: Request;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Output<E['query']>;
  readonly body: Output<E['body']>;
  readonly operator: Operator;
  /** Whether the operator may still do it, which a long answer asks before it goes on. */
  readonly isPermitted: () => Promise<boolean>;
}

/** Answers the calls of an endpoint: with a value of its schema, or a whole response. */
export type Handler<E extends Endpoint> = (call: Call<E>) => Promise<v.InferInput<E['answer']> | Response>;
