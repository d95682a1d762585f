import { isStorableText } from '@omnitenant/core/extend';
import * as v from 'valibot';
import { ProblemError } from '../problem.ts';
import type { Endpoint } from './endpoint.ts';

const mostBytes = 1024 * 1024;

/**
 * What a request says, checked by the schemas of its operation.
 *
 * @throws INPUT_INVALID
 */
export async function readInput(
  request: Request,
  url: URL,
  endpoint: Endpoint,
): Promise<{ query: unknown; body: unknown }> {
  const query = endpoint.query && checked(endpoint.query, queryOf(url), 'query');
  const body = endpoint.body && checked(endpoint.body, await jsonOf(request), 'body');
  return { query, body };
}

function checked(schema: v.GenericSchema, value: unknown, place: string): unknown {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const issues = result.issues.map((issue) => ({
    path: [place, v.getDotPath(issue)].filter(Boolean).join('.'),
    message: issue.message,
  }));
  throw new ProblemError('INPUT_INVALID', `The ${place} is not valid for this operation.`, issues);
}

function queryOf({ searchParams }: URL): Record<string, string> {
  for (const text of searchParams.values()) requireStorable(text);
  return Object.fromEntries(searchParams);
}

async function jsonOf(request: Request): Promise<unknown> {
  const text = await textOf(request);
  try {
    return JSON.parse(text, (name, value) => {
      requireStorable(name);
      requireOwn(name);
      if (typeof value === 'string') requireStorable(value);
      return value;
    });
  } catch (error) {
    if (error instanceof ProblemError) throw error;
    throw new ProblemError('INPUT_INVALID', 'The body is not JSON, or it is nested too deeply.');
  }
}

function requireStorable(text: string): void {
  if (!isStorableText(text))
    throw new ProblemError('INPUT_INVALID', 'Texts must not contain U+0000 or half a surrogate pair.');
}

/** A setting of such a name would be lost: an object of JavaScript has it from the beginning. */
function requireOwn(name: string): void {
  if (!['__proto__', 'constructor', 'prototype'].includes(name)) return;
  throw new ProblemError('INPUT_INVALID', `Nothing in the body can be called "${name}".`);
}

async function textOf(request: Request): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > mostBytes) throw new ProblemError('INPUT_INVALID', 'The body is larger than one megabyte.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
