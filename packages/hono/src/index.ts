export { tenancyMiddleware } from './tenancy-middleware.ts';
