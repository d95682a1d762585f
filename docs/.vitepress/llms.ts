import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pageOf, repository } from './pages.ts';

const sources = ['docs/guide/*.md', 'docs/threat-model.md', 'ARCHITECTURE.md'];

/** Writes `llms.txt`, a list of the pages for language models, and `llms-full.txt`, their whole text, into the site. */
export function writeLlms(outDir: string): void {
  const pages = globSync(sources, { cwd: repository })
    .toSorted()
    .map((source) => {
      const text = readFileSync(join(repository, source), 'utf8');
      const [title = source] = /(?<=^# ).+$/m.exec(text) ?? [];
      return { title, text, summary: summaryOf(text), path: `/${pageOf(source).replace(/\.md$/, '')}` };
    });
  const list = pages.map(({ title, path, summary }) => `- [${title}](${path}): ${summary}`);
  const head = '# omnitenant\n\n> Multi-tenancy for Node, on MikroORM and PostgreSQL.\n';
  writeFileSync(join(outDir, 'llms.txt'), `${head}\n## Guide\n\n${list.join('\n')}\n`);
  writeFileSync(join(outDir, 'llms-full.txt'), `${head}\n${pages.map(({ text }) => text).join('\n')}`);
}

/** The first sentence under the title. */
function summaryOf(text: string): string {
  const [, paragraph = ''] = /^# .+\n\n((?!```|\||#)[\s\S]*?)\n\n/m.exec(text) ?? [];
  const plain = paragraph.replaceAll(/\s+/g, ' ').replaceAll(/\[([^\]]+)\]\([^)]*\)/g, '$1');
  return /^.*?[.?](?= |$)/.exec(plain)?.[0] ?? plain;
}
