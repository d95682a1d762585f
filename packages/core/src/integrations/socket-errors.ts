/** What a server did, by the code of a socket's error: completes "The server …". */
export const socketErrors: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'does not answer at its address',
  ECONNRESET: 'closed the connection',
  ECONNABORTED: 'closed the connection',
  EPIPE: 'closed the connection',
  ETIMEDOUT: 'did not answer in time',
  ENOTFOUND: 'has an unknown host name',
  EAI_AGAIN: 'has a host name that cannot be looked up now',
  EHOSTUNREACH: 'cannot be reached',
  ENETUNREACH: 'cannot be reached',
};
