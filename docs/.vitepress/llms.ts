import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pageOf, repository } from './pages.ts';

/** The sections of the list, and the pages of each. */
const sections = {
  Guide: ['docs/guide/*.md', 'docs/threat-model.md', 'ARCHITECTURE.md'],
  Reference: ['docs/reference/cli.md', 'docs/reference/api/@omnitenant/**/*.md'],
  Decisions: ['docs/decisions/README.md'],
};

/** Writes `llms.txt`, a list of the pages for language models, and `llms-full.txt`, the whole text of the guide, into the site. */
export function writeLlms(outDir: string): void {
  const head = '# omnitenant\n\n> Multi-tenancy for Node, on MikroORM and PostgreSQL.\n';
  const lists = Object.entries(sections).map(
    ([title, sources]) => `## ${title}\n\n${pagesOf(sources).map(entry).join('\n')}\n`,
  );
  writeFileSync(join(outDir, 'llms.txt'), [head, ...lists].join('\n'));
  const guide = pagesOf(sections.Guide).map(({ text }) => text);
  writeFileSync(join(outDir, 'llms-full.txt'), [head, ...guide].join('\n'));
}

interface Page {
  readonly source: string;
  readonly text: string;
}

function pagesOf(sources: readonly string[]): Page[] {
  return globSync(sources, { cwd: repository })
    .toSorted()
    .map((source) => ({ source, text: readFileSync(join(repository, source), 'utf8') }));
}

function entry({ source, text }: Page): string {
  const [title = source] = /(?<=^# ).+$/m.exec(text) ?? [];
  const summary = source.includes('/api/') ? '' : summaryOf(text);
  const link = `- [${title}](/${pageOf(source).replace(/\.md$/, '.html')})`;
  return summary ? `${link}: ${summary}` : link;
}

/** The first sentence of the first paragraph. */
function summaryOf(text: string): string {
  const prose = text.replaceAll(/^```[\s\S]*?^```$/gm, '');
  const [paragraph = ''] = /(?<=\n\n)(?![#|<>:!*\d-])\S[\s\S]*?(?=\n\n|\n*$)/.exec(prose) ?? [];
  const plain = paragraph.replaceAll(/\s+/g, ' ').replaceAll(/\[([^\]]+)\]\([^)]*\)/g, '$1');
  return /^.*?[.?](?= |$)/.exec(plain)?.[0] ?? plain;
}
