import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitepress';
import { diagrams } from './diagrams.ts';
import { fileNames } from './file-names.ts';
import { landing } from './landing.ts';
import { linksFromSources } from './links.ts';
import { writeLlms } from './llms.ts';
import { notPages, pageOf, repository } from './pages.ts';
import { shortCode } from './short-code.ts';
import { sidebar } from './sidebar.ts';
import { tables } from './tables.ts';

const home = join(import.meta.dirname, '..', 'index.md');

const { version } = manifest('packages/core/package.json');
const { repository: forge } = manifest('package.json');

const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="#0b6fc2">
<rect x="1" y="1" width="6" height="6"/><rect x="9" y="1" width="6" height="6"/><rect x="1" y="9" width="6" height="6"/></svg>`;

export default defineConfig({
  title: 'omnitenant',
  description: 'Multi-tenancy for Node, on MikroORM.',
  lang: 'en',
  srcDir: repository,
  srcExclude: notPages,
  rewrites: pageOf,
  outDir: join(import.meta.dirname, 'dist'),
  cacheDir: join(import.meta.dirname, 'cache'),
  head: [['link', { rel: 'icon', href: `data:image/svg+xml,${encodeURIComponent(icon)}` }]],
  transformPageData: (page) => {
    if (page.relativePath === 'index.md') Object.assign(page.frontmatter, landing);
    // What is under an export, such as its parameters, is not to find it by.
    if (page.relativePath.startsWith('reference/api/')) Object.assign(page.frontmatter, { outline: 2 });
    if (page.relativePath.startsWith('reference/')) Object.assign(page.frontmatter, { pageClass: 'reference' });
  },
  buildEnd: ({ outDir }) => writeLlms(outDir),
  vite: {
    build: { chunkSizeWarningLimit: 2000 },
    plugins: [
      {
        name: 'vue-for-pages-outside-of-docs',
        enforce: 'pre',
        resolveId(id, importer, options) {
          if (!/^vue(?:\/|$)/.test(id) || importer === home) return null;
          return this.resolve(id, home, { ...options, skipSelf: true });
        },
      },
    ],
  },
  markdown: {
    theme: { light: 'github-light', dark: 'github-dark' },
    config: (md) => {
      md.use(linksFromSources).use(fileNames).use(shortCode).use(diagrams).use(tables);
    },
  },
  themeConfig: {
    nav: [
      { text: 'Guide', link: '/guide/getting-started', activeMatch: '^/guide/' },
      { text: 'Questions', link: '/#questions-teams-ask' },
      { text: 'Reference', link: '/reference/', activeMatch: '^/reference/' },
      { text: 'Threat model', link: '/threat-model' },
      { text: 'Decisions', link: '/decisions/', activeMatch: '^/decisions/' },
      { text: version, link: '/guide/stability' },
    ],
    sidebar: sidebar(),
    outline: { level: [2, 3] },
    search: {
      provider: 'local',
      options: {
        miniSearch: { options: { tokenize: wordsOf }, searchOptions: { boostDocument: weightOf, fuzzy: fuzzinessOf } },
      },
    },
    // Pages can be edited once the root manifest says where the repository is.
    ...(forge && { editLink: { pattern: `${forge}/edit/main/:path` } }),
    externalLinkIcon: true,
  },
});

/** The words to search by. A code such as TENANT_UNKNOWN is one word, and each of its parts too. The page runs this, so it names nothing outside. */
function wordsOf(text: string): string[] {
  const words = text.split(/[^\p{L}\p{N}_]+/u);
  return words.flatMap((word) => (word.includes('_') ? [word, ...word.split('_')] : [word]));
}

/** A question is answered by the guide, rather than by a signature or by the reasons of a decision. The page runs this, so it names nothing outside. */
function weightOf(path: string): number {
  if (path.includes('/reference/api/')) return 0.2;
  return path.includes('/decisions/') ? 0.4 : 1;
}

/** RLS is not TLS: only longer words may be misspelt. The page runs this, too. */
function fuzzinessOf(word: string): number | false {
  return word.length > 4 ? 0.2 : false;
}

function manifest(path: string): { readonly version: string; readonly repository?: string } {
  return JSON.parse(readFileSync(join(repository, path), 'utf8'));
}
