export {
  createMariadb,
  type Mariadb,
  type MariadbEntityManager,
  type MariadbOrmEntityManager,
  type MariadbStats,
} from './mariadb.ts';
export type { ConnectionsOptions, LoginOptions, MariadbOptions } from './mariadb-options.ts';
