export { defineConfig, type OmnitenantConfig, type Superuser, type TenantScript } from './config.ts';
