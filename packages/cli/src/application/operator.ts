import { userInfo } from 'node:os';

/** Who runs the command, for the audit: OMNITENANT_ACTOR, or the user of the operating system. */
export function operatorName(): string {
  const named = process.env.OMNITENANT_ACTOR?.trim();
  if (named) return named;
  try {
    return `${userInfo().username} (command)`;
  } catch {
    return 'unknown (command)';
  }
}
