import { transform } from 'esbuild';
import { defineConfig, type Plugin } from 'vitest/config';

// Packages are tested as written: `@omnitenant/source` leads every workspace import to TypeScript, never to a build.
const conditions = ['@omnitenant/source', 'module', 'node', 'development|production'];

export default defineConfig({
  plugins: [esDecorators()],
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: [
      'packages/*/{src,test}/**/*.test.ts',
      'tooling/**/*.test.ts',
      'docs/*.test.ts',
      'examples/*/{src,test}/**/*.test.ts',
    ],
    globalSetup: ['tooling/global-setup.ts'],
    setupFiles: ['tooling/setup.ts'],
    reporters: ['default', './tooling/closing-line.ts'],
    maxWorkers: 3,
    // A test that hangs ends here. Some run a dozen commands, each a process that loads an application, on a busy machine with two cores.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 60_000 } },
    dangerouslyIgnoreUnhandledErrors: false,
  },
});

/**
 * No Node parses the decorators of ECMAScript yet, and vite leaves them in. Legacy ones need nothing here: vite reads
 * `experimentalDecorators` from the nearest tsconfig.json.
 */
function esDecorators(): Plugin {
  return {
    name: 'es-decorators',
    enforce: 'pre',
    async transform(code, id) {
      if (!/\.ts$/.test(id) || !code.includes('@mikro-orm/decorators/es')) return;
      const options = { loader: 'ts', target: 'node22', sourcemap: true, sourcefile: id } as const;
      const tsconfigRaw = { compilerOptions: { experimentalDecorators: false } };
      const { code: lowered, map } = await transform(code, { ...options, tsconfigRaw });
      return { code: lowered, map };
    },
  };
}
