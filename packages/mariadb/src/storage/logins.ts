import { createHash, hkdfSync } from 'node:crypto';
import type { Tenant } from '@omnitenant/core';
import type { Login } from '../sessions/wire.ts';
import { nameOf } from './names.ts';

/** The logins of an application's tenants. */
export interface Logins {
  of(tenant: Tenant): Login;
  /** A name that nobody can know who does not know the secret. Locks of MariaDB have the whole server's names. */
  lockName(tenant: Tenant): string;
}

/** Derives the password of each tenant's user, so that it is kept nowhere. */
export function createLogins(application: string, secret: string): Logins {
  const known = new WeakMap<Tenant, Login>();

  function derive(purpose: string, name: string): string {
    return Buffer.from(hkdfSync('sha256', secret, '', `omnitenant mariadb ${purpose}\0${name}`, 32)).toString(
      'base64url',
    );
  }

  return {
    of(tenant) {
      const found = known.get(tenant);
      if (found) return found;
      const name = nameOf(application, tenant);
      const login = { tenant: tenant.id, user: name, database: name, password: derive('password', name) };
      known.set(tenant, login);
      return login;
    },
    lockName: (tenant) => derive('lock', nameOf(application, tenant)),
  };
}

/** What mysql_native_password keeps of a password. The password itself is not sent when a user is made. */
export function passwordHash(password: string): string {
  const sha1 = (bytes: string | Buffer) => createHash('sha1').update(bytes).digest();
  return `*${sha1(sha1(password)).toString('hex').toUpperCase()}`;
}
