import { randomBytes } from 'node:crypto';
import type { Tenant } from '@omnitenant/core';
import type { OrmPlacement } from '../placement/placement.ts';

/** The isolations whose storage can be created in advance. Tenants that share tables need no storage of their own. */
export type ReadyIsolation = 'schema' | 'database';

/** The name that storage has until a tenant takes it: it says in which minute it was begun. */
export function unnamed(now: number = Date.now()): string {
  return `ready_${Math.floor(now / minuteMs).toString(36)}${randomBytes(3).toString('hex')}`;
}

/**
 * The tenant that storage is made for until it is taken. It follows from the name, so that what another process has left unfinished is
 * known by it; no tenant of the application has such an id.
 */
export function unnamedTenant(name: string, isolation: ReadyIsolation, placement: OrmPlacement): Tenant {
  const [, since = '', random = ''] = form.exec(name) ?? [];
  const createdAt = new Date(Number.parseInt(since, 36) * minuteMs);
  const id = `ready@${random}`;
  return {
    id,
    name: id,
    status: 'provisioning',
    isolation,
    placement,
    config: {},
    createdAt,
    updatedAt: createdAt,
  };
}

/** Whether it was begun so long ago that the process that makes it must be gone. */
export function isAbandoned(name: string, now: number = Date.now()): boolean {
  const since = form.exec(name)?.[1];
  return since !== undefined && now - Number.parseInt(since, 36) * minuteMs > abandonedAfterMs;
}

/** A database has a suffix while it is created. */
const form = /^ready_([0-9a-z]{5})([0-9a-f]{6})/;
const minuteMs = 60_000;
const abandonedAfterMs = 3_600_000;
