import { TenancyError } from '@omnitenant/core';
import { isTenantId, parseDomain } from '@omnitenant/core/extend';
import { sentenceOf } from '../terminal/failure.ts';
import type { CommonOptions } from '../terminal/program.ts';
import { askText } from '../terminal/prompts.ts';
import { askColumns } from './ask-columns.ts';
import { askIsolation } from './ask-isolation.ts';
import { askServer } from './ask-server.ts';
import type { OmnitenantConfig } from './config.ts';
import { ownColumns } from './own-columns.ts';
import type { TenantOptions } from './tenant-input.ts';

/** Asks for everything about a new tenant that was not given. */
export async function askTenant<Options extends TenantOptions & CommonOptions>(
  options: Options,
  { tenancy, orm }: OmnitenantConfig,
): Promise<Options & { readonly id: string }> {
  const id = await askText(options, {
    message: 'Tenant id',
    instead: 'the id: omnitenant create <id>',
    check: (value) => (isTenantId(value) ? undefined : idRule),
  });
  // An id that is taken is reported before the other questions.
  if (await tenancy.tenants.tryGet(id)) {
    throw new TenancyError('TENANT_EXISTS', `Tenant "${id}" already exists.`, { tenant: id });
  }
  const name = options.name ?? (await askText(options, { message: 'Name', instead: '--name <name>', initial: id }));
  const isOnPostgreSql = orm.credentials !== undefined;
  const isolation = options.isolation ?? (isOnPostgreSql ? await askIsolation(options, [applicationDefault]) : '');
  const isPlaced = !isOnPostgreSql || options.server !== undefined || options.url !== undefined || isolation === 'row';
  const server = isPlaced ? {} : await askServer(options, orm);
  const hosts = await askText(options, {
    message: 'Domains, the primary one first (Enter for none)',
    instead: '--domain <host>',
    check: hostsProblem,
  });
  const domain = [...options.domain, ...hostsIn(hosts)];
  const columns = await askColumns(options, await ownColumns(orm), options.columns);
  return { ...options, ...server, id, name: name || id, isolation: isolation || undefined, domain, columns };
}

const idRule =
  'Use lower-case letters, digits and inner hyphens: at most 48 characters, at least one letter, and no reserved word.';

const applicationDefault = { value: '', label: 'default', hint: "the application's setting" };

function hostsProblem(text: string): string | undefined {
  try {
    for (const host of hostsIn(text)) parseDomain(host);
    return undefined;
  } catch (error) {
    return sentenceOf(error);
  }
}

function hostsIn(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean);
}
