export type { AdminArchives } from './admin-archives.ts';
export type { AdminOrm } from './admin-orm.ts';
export type { AdminQueue } from './admin-queue.ts';
export { type AdminOptions, createAdmin } from './create-admin.ts';
export type { Operator, Permission } from './operator.ts';
