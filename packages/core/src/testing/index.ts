export type { SuiteAnswer, SuiteApp, SuiteServer } from './adapter/site.ts';
export { type AdapterSuiteOptions, adapterSuite } from './adapter-suite.ts';
