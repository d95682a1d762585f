import { toJsonSchema } from '@valibot/to-json-schema';
import type { GenericSchema } from 'valibot';
import { type ProblemCode, statusOf } from '../problem.ts';
import { Problem } from '../schemas/problem.ts';
import type { Endpoint } from './endpoint.ts';
import { endpoints } from './endpoints.ts';

type Json = Record<string, unknown>;

/** What any operation can be refused with. */
const anywhere: readonly ProblemCode[] = ['OPERATOR_UNKNOWN', 'PERMISSION_MISSING', 'INTERNAL'];

/** The API as an OpenAPI 3.1 document, made of the schemas that check it. */
export function openApiDocument(): Json {
  const paths: Record<string, Json> = {};
  for (const [name, endpoint] of Object.entries<Endpoint>(endpoints)) {
    paths[endpoint.path] = { ...paths[endpoint.path], [endpoint.method.toLowerCase()]: operationOf(name, endpoint) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'omnitenant admin', version: '1' },
    servers: [{ url: '/admin/api/v1' }],
    paths,
    components: { schemas: { Problem: schemaOf(Problem, 'output') } },
  };
}

function operationOf(name: string, endpoint: Endpoint): Json {
  const { summary, permission, query, body, answer, status = 200, type = 'application/json' } = endpoint;
  return {
    operationId: name,
    summary,
    'x-permission': permission,
    parameters: [...pathParameters(endpoint.path), ...queryParameters(query), ...headerParameters(endpoint)],
    ...(body && {
      requestBody: { required: true, content: { 'application/json': { schema: schemaOf(body, 'input') } } },
    }),
    responses: {
      [status]: { description: summary, content: { [type]: { schema: schemaOf(answer, 'output') } } },
      ...problemsOf(endpoint),
    },
  };
}

/** The problems of an operation, by their statuses. */
function problemsOf(endpoint: Endpoint): Json {
  const codes = problemCodesOf(endpoint);
  const byStatus = Object.groupBy(codes, (code) => String(statusOf(code)));
  const content = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };
  return Object.fromEntries(
    Object.entries(byStatus).map(([status, of = []]) => [status, { description: of.join(', '), content }]),
  );
}

/** Every code that an operation documents. */
function problemCodesOf({ method, query, body, isLocal, problems = [] }: Endpoint): readonly ProblemCode[] {
  const store: ProblemCode[] = isLocal ? [] : ['STORE_UNAVAILABLE'];
  const input: ProblemCode[] = query || body ? ['INPUT_INVALID'] : [];
  const origin: ProblemCode[] = method === 'GET' ? [] : ['ORIGIN_REFUSED'];
  const type: ProblemCode[] = body ? ['TYPE_UNSUPPORTED'] : [];
  return [...new Set([...anywhere, ...store, ...input, ...origin, ...type, ...problems])];
}

function pathParameters(path: string): Json[] {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  return names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));
}

function queryParameters(query: GenericSchema | undefined): Json[] {
  if (!query) return [];
  const { properties = {}, required = [] } = schemaOf(query, 'input') as { properties?: Json; required?: string[] };
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }));
}

function headerParameters({ status, ifMatch }: Endpoint): Json[] {
  const schema = { type: 'string' };
  return [
    ...(status === 202 ? [{ name: 'Idempotency-Key', in: 'header', required: false, schema }] : []),
    ...(ifMatch ? [{ name: 'If-Match', in: 'header', required: ifMatch === 'required', schema }] : []),
  ];
}

function schemaOf(schema: GenericSchema, typeMode: 'input' | 'output'): Json {
  const { $schema, ...rest } = toJsonSchema(schema, { typeMode, errorMode: 'ignore' });
  return rest;
}
