import type { Operator, Permission } from '../operator.ts';
import { ProblemError } from '../problem.ts';

/** @throws PERMISSION_MISSING */
export function requirePermission({ permissions }: Operator, permission: Permission): void {
  if (permissions.includes(permission)) return;
  throw new ProblemError('PERMISSION_MISSING', `This requires the permission "${permission}".`);
}
