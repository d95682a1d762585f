export type { SuiteAnswer, SuiteApp, SuiteServer } from './adapter/site.ts';
export { type AdapterSuiteOptions, adapterSuite } from './adapter-suite.ts';
export type { ResourceDriver } from './resource/promise.ts';
export { type ResourceSuiteOptions, resourceSuite } from './resource-suite.ts';
export { type StoreSuiteOptions, storeSuite } from './store-suite.ts';
