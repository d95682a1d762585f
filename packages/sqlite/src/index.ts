export {
  createSqlite,
  type Sqlite,
  type SqliteEntityManager,
  type SqliteOrmEntityManager,
  type SqliteStats,
} from './sqlite.ts';
export type { SqliteOptions } from './sqlite-options.ts';
