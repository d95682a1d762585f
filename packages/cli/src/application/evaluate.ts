import { inspect } from 'node:util';
import { print } from '../terminal/output.ts';
import type { OmnitenantConfig } from './config.ts';

/** Runs code in the current scope, an expression or statements that may `return`, and prints the value. */
export async function evaluate(application: OmnitenantConfig, code: string): Promise<void> {
  const names = namesOf(application);
  const value = await compiled(code, Object.keys(names))(...Object.values(names));
  if (typeof value === 'string') print(value);
  else if (value !== undefined) print(inspect(value, { depth: 4, colors: process.stdout.hasColors?.() ?? false }));
}

/** The names that code in a tenant can use. */
export function namesOf({ tenancy, orm, shell }: OmnitenantConfig): Record<string, unknown> {
  const all = [...orm.em.getMetadata().getAll().values()];
  const entities = Object.fromEntries(
    all.filter(({ abstract }) => !abstract).map((meta) => [meta.className, meta.class]),
  );
  const tenant = tenancy.tryCurrent();
  const own = { em: orm.em, orm, tenancy, ...(tenant && { tenant }), entities };
  return { ...own, ...entities, ...own, ...shell?.context };
}

type Compiled = (...values: readonly unknown[]) => Promise<unknown>;
type Compiler = new (...namesAndCode: readonly string[]) => Compiled;
const AsyncFunction = (async () => {}).constructor as Compiler;

function compiled(code: string, names: readonly string[]): Compiled {
  try {
    return new AsyncFunction(...names, `return (${code.replace(/;\s*$/, '')}\n)`);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return new AsyncFunction(...names, code);
  }
}
