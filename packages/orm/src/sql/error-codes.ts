/** The SQLSTATE codes that this package reads, by PostgreSQL's names for them. */
export const sqlState = {
  activeTransaction: '25001',
  readOnlyTransaction: '25006',
  idleInTransactionTimeout: '25P03',
  notNullViolation: '23502',
  foreignKeyViolation: '23503',
  uniqueViolation: '23505',
  invalidParameterValue: '22023',
  invalidAuthorization: '28000',
  invalidPassword: '28P01',
  dependentObjectsStillExist: '2BP01',
  undefinedDatabase: '3D000',
  undefinedSchema: '3F000',
  insufficientPrivilege: '42501',
  syntaxError: '42601',
  duplicateObject: '42710',
  undefinedObject: '42704',
  undefinedFunction: '42883',
  undefinedTable: '42P01',
  duplicateDatabase: '42P04',
  duplicateSchema: '42P06',
  tooManyConnections: '53300',
  objectInUse: '55006',
  lockNotAvailable: '55P03',
  queryCanceled: '57014',
  adminShutdown: '57P01',
  deadlockDetected: '40P01',
  /** This package's own: a tenant's old place refuses writes. */
  tenantMoving: 'OMMOV',
  /** This package's own: a removed tenant writes no rows. */
  tenantRemoved: 'OMREM',
  /** This package's own: no tenant's statement would find the operators of an extension. */
  extensionElsewhere: 'OMEXT',
  cannotConnectNow: '57P03',
} as const;

/** The codes of failed sockets that this package reads. */
export const socketError = {
  refused: 'ECONNREFUSED',
  hostNotFound: 'ENOTFOUND',
  timedOut: 'ETIMEDOUT',
  reset: 'ECONNRESET',
  brokenPipe: 'EPIPE',
  destroyed: 'ERR_STREAM_DESTROYED',
} as const;

/** The code of an error of PostgreSQL or of a socket; empty where it has none. */
export function codeOf(error: unknown): string {
  return (error as { readonly code?: string } | undefined)?.code ?? '';
}
