export type { BackupTarget } from './application/backup-target.ts';
export {
  defineConfig,
  type OmnitenantConfig,
  type Superuser,
  type SuperuserField,
  type TenantOrm,
  type TenantScript,
} from './application/config.ts';
