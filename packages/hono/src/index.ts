export { type MiddlewareOptions, tenancyMiddleware } from './tenancy-middleware.ts';
