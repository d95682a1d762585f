export { tenancyPlugin } from './tenancy-plugin.ts';
