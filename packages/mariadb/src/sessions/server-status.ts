/** Flags that the server sends with the end of a statement. */
export const serverStatus = { inTransaction: 0x0001, autocommit: 0x0002, sessionChanged: 0x4000 } as const;

/**
 * Whether a session, after a statement of its own, would run the next one in a transaction that nobody has begun. One of XA is among them:
 * once prepared, every user of the server may commit it.
 */
export function isLeftOpen(status: number | undefined): boolean {
  if (status === undefined) return false;
  return (status & serverStatus.inTransaction) !== 0 || (status & serverStatus.autocommit) === 0;
}

/** Whether the statement has changed what the next one would find, such as the default database or the character set. */
export function hasChangedSession(status: number | undefined): boolean {
  return status !== undefined && (status & serverStatus.sessionChanged) !== 0;
}
