import { TenancyError } from '@omnitenant/core';
import {
  type OptionNames,
  type Subscriber,
  type TenantEventType,
  tenantEventTypes,
  unknownOption,
} from '@omnitenant/core/extend';
import { keyOf } from './sign.ts';

/** Where messages are sent to. */
export interface WebhookEndpoint {
  /** Under which central keeps what it has not received yet. It stays when the URL changes. */
  readonly name: string;
  /** The application's own, and never a tenant's: requests go there from inside your network. */
  readonly url: string;
  /** `whsec_` and 24 to 64 random bytes in base64. With two, each message is signed with both, while the receiver changes to the new one. */
  readonly secrets: readonly [string] | readonly [string, string];
  /** What it is told of. Default: everything. */
  readonly events?: readonly TenantEventType[] | undefined;
}

/** An endpoint whose configuration is correct. */
export interface CheckedEndpoint extends Subscriber {
  readonly url: string;
  readonly keys: readonly Buffer[];
}

/** @throws CONFIG_INVALID, without a secret */
export function checkedEndpoint(given: WebhookEndpoint): CheckedEndpoint {
  const unknownName = unknownOption(given ?? {}, optionNames);
  if (unknownName !== undefined)
    throw new TenancyError('CONFIG_INVALID', `An endpoint of createWebhooks ${unknownName}`);
  const { name, url, secrets, events: types = tenantEventTypes } = given ?? {};
  if (typeof name !== 'string' || !/^[\w.-]{1,100}$/.test(name)) {
    throw invalid('requires a name of letters, digits, ".", "_" and "-" for each endpoint.');
  }
  const fault = faultOf(url);
  if (fault !== undefined) throw invalid(`requires ${fault} as the url of "${name}".`);
  const keys = Array.isArray(secrets) ? secrets.map((secret) => keyOf(`${secret}`)) : [];
  if (keys.length < 1 || keys.length > 2 || !keys.every((key) => key !== undefined)) {
    throw invalid(`requires one or two secrets for "${name}": "whsec_" and 24 to 64 random bytes in base64.`);
  }
  if (!Array.isArray(types)) throw invalid(`requires events of "${name}" as an array.`);
  const unknown = types.find((type) => !tenantEventTypes.includes(type));
  if (unknown !== undefined) throw invalid(`does not know the event "${unknown}" of "${name}".`);
  return { name, url, keys, types };
}

const optionNames: OptionNames<WebhookEndpoint> = { name: true, url: true, secrets: true, events: true };

function faultOf(url: string): string | undefined {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) return 'an http: or https: URL';
  return parsed.username === '' && parsed.password === '' ? undefined : 'a URL without credentials';
}

export function invalid(fault: string): TenancyError {
  return new TenancyError('CONFIG_INVALID', `createWebhooks() ${fault}`);
}
