export type { CanaryMaker } from './canary.ts';
export { type IsolationSuiteOptions, isolationSuite } from './isolation-suite.ts';
export type { LeakApp } from './leak-app.ts';
export { expectNoLeak, type LeakTest } from './leak-test.ts';
export type { LeakProbe, LeakSink } from './probes.ts';
