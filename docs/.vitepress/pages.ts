import { join } from 'node:path';

/** The pages lie in the repository, so that their links work on the forge as well as here. */
export const repository: string = join(import.meta.dirname, '..', '..');

/** The Markdown files that are pages, and what they are on the site. */
const rewrites: readonly (readonly [source: RegExp, page: string])[] = [
  [/^docs\/(.+)\/README\.md$/, '$1/index.md'],
  [/^docs\/(.+)$/, '$1'],
  [/^ARCHITECTURE\.md$/, 'architecture.md'],
  [/^CONTRIBUTING\.md$/, 'contributing.md'],
  [/^bench\/README\.md$/, 'bench.md'],
  [/^(examples|packages)\/([^/]+)\/README\.md$/, '$1/$2.md'],
];

/** Markdown that is no page. */
export const notPages: string[] = ['README.md', '**/CHANGELOG.md', 'tooling/**', '{packages,examples}/*/*/**'];

/** The page that a file of the repository is, as a path of the site. */
export function pageOf(source: string): string {
  const [pattern, page] = rewrites.find(([pattern]) => pattern.test(source)) ?? [];
  return pattern ? source.replace(pattern, page ?? '') : source;
}
