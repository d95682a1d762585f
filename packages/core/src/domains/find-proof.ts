import { Resolver } from 'node:dns/promises';
import { outside } from '../scope/context.ts';
import type { DomainProblem } from '../stores/domain-claims.ts';

/** How DNS is asked. */
export interface ProofSearch {
  /** The names at which the record may be. */
  readonly names: readonly string[];
  readonly token: string;
  /** Empty: the servers of the machine. */
  readonly servers: readonly string[];
  readonly timeoutMs: number;
}

/** Looks for a token among the TXT records of some names. Resolves to `undefined` where it is found, and never rejects. */
export async function findProof({ names, token, ...search }: ProofSearch): Promise<DomainProblem | undefined> {
  const answers = await Promise.all(names.map((name) => outside(() => valuesAt(name, search))));
  const values = answers.flatMap((answer) => answer ?? []);
  if (values.includes(token)) return undefined;
  if (answers.includes(undefined)) return 'unanswered';
  return values.length === 0 ? 'missing' : 'different';
}

/** What DNS answers where a name, or a record of it, does not exist. */
const absent = ['ENOTFOUND', 'ENODATA'];

async function valuesAt(
  name: string,
  { servers, timeoutMs }: Pick<ProofSearch, 'servers' | 'timeoutMs'>,
): Promise<readonly string[] | undefined> {
  // A resolver of its own, so that nothing of an earlier check is remembered.
  const resolver = new Resolver({ timeout: timeoutMs, tries: 2 });
  if (servers.length > 0) resolver.setServers(servers);
  try {
    const records = await resolver.resolveTxt(name);
    return records.map((chunks) => unquoted(chunks.join('')));
  } catch (error) {
    return absent.includes((error as NodeJS.ErrnoException).code ?? '') ? [] : undefined;
  }
}

/** Some DNS providers keep the quotes that a customer has typed. */
function unquoted(value: string): string {
  return value.trim().replace(/^"(.*)"$/, '$1');
}
