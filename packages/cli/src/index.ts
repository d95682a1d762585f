export { defineConfig, type OmnitenantConfig, type Superuser, type TenantScript } from './application/config.ts';
