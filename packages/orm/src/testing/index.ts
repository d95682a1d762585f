export { type IsolationSuiteOptions, isolationSuite } from './isolation-suite.ts';
