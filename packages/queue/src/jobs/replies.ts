/** The beginning of an error of ours in a reply of Redis. */
export const replies = { backlogFull: 'OMNITENANT_BACKLOG_FULL', removed: 'OMNITENANT_TENANT_REMOVED' } as const;
