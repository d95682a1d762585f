import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DefaultTheme } from 'vitepress';
import { pageOf, repository } from './pages.ts';

const guide: Readonly<Record<string, readonly string[]>> = {
  Start: [
    'tutorial',
    'getting-started',
    'concepts',
    'recipes',
    'examples',
    'pglite',
    'sqlite',
    'mariadb',
    'set-ups',
    'assistants',
  ],
  Frameworks: ['express', 'koa', 'fastify', 'hono', 'nestjs', 'fetch', 'sockets', 'graphql-trpc'],
  Requests: ['resolvers', 'auth-providers', 'scopes'],
  Tenants: [
    'tenants',
    'custom-domains',
    'choosing-isolation',
    'isolation',
    'row-login',
    'credentials',
    'moving',
    'archive',
    'anonymised-copies',
    'point-in-time',
  ],
  Data: ['entities', 'differences', 'migrations', 'connections'],
  'Jobs, cache, resources': ['queue', 'cache', 'resources'],
  'Security and tests': ['../threat-model', 'leak-test', 'testing', 'impersonation'],
  Operate: [
    'production-checklist',
    'runbook',
    'deployment',
    'sizing',
    'poolers',
    'cli',
    'admin',
    'observability',
    'logging',
    'usage',
    'webhooks',
    'errors',
    'troubleshooting',
    'stability',
    'cloud-checklists',
  ],
  'Compare and migrate': [
    'comparison',
    'benchmark',
    'single-tenant',
    'nestjs-realworld',
    'coming-from-search-path',
    'coming-from-django-omnitenant',
  ],
};

/** The pages of the site in the order to read them; those of the guide that have no place yet are among the further ones. */
export function sidebar(): DefaultTheme.SidebarMulti {
  const written = pagesIn('docs/guide');
  const listed = Object.values(guide).flat();
  const further = written.filter((page) => !listed.includes(page)).map((page) => `docs/guide/${page}.md`);
  const groups = Object.entries(guide).map(([text, pages]) => ({
    text,
    // The figures are written by a run of the benchmarks.
    items: pages
      .filter((page) => page.startsWith('..') || written.includes(page))
      .map((page) => item(join('docs/guide', `${page}.md`))),
  }));
  const more = {
    text: 'Further',
    items: [...further, 'bench/README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md'].map(item),
  };
  const decisions = [
    item('docs/decisions/README.md'),
    ...pagesIn('docs/decisions').map((page) => item(`docs/decisions/${page}.md`)),
  ];
  const all = [...groups, more];
  return {
    '/': all,
    '/reference/': [
      {
        text: 'Reference',
        items: [
          item('docs/reference/README.md'),
          item('docs/reference/cli.md'),
          { text: 'Errors', link: '/guide/errors' },
        ],
      },
      { text: 'Packages', items: packages() },
    ],
    '/decisions/': [{ text: 'Decisions', items: decisions }],
  };
}

function pagesIn(folder: string): string[] {
  return readdirSync(join(repository, folder))
    .filter((name) => name.endsWith('.md') && name !== 'README.md')
    .map((name) => name.slice(0, -3))
    .toSorted();
}

/** A page under its own title. */
function item(source: string): DefaultTheme.SidebarItem {
  const text = /^# (.+)$/m.exec(readFileSync(join(repository, source), 'utf8'))?.[1] ?? source;
  return { text: text.replaceAll('`', ''), link: `/${pageOf(source).replace(/(?:index)?\.md$/, '')}` };
}

function packages(): DefaultTheme.SidebarItem[] {
  const api = join(repository, 'docs', 'reference', 'api');
  if (!existsSync(api)) return [];
  const rank = [
    'core',
    'orm',
    'sqlite',
    'mariadb',
    'express',
    'koa',
    'fastify',
    'hono',
    'nestjs',
    'queue',
    'cache',
    'otel',
    'webhooks',
    'admin',
    'cli',
  ];
  const rankOf = (file: string) => rank.indexOf(/^@omnitenant\/(\w+)/.exec(file)?.[1] ?? '');
  return readdirSync(api, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.startsWith('@') && file.endsWith('.md'))
    .toSorted((a, b) => rankOf(a) - rankOf(b) || a.localeCompare(b))
    .map((file) => ({ text: file.slice(0, -3), link: `/reference/api/${file.slice(0, -3)}` }));
}
