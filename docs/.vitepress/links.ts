import { existsSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { MarkdownRenderer } from 'vitepress';
import { pageOf, repository } from './pages.ts';

/** Turns links from file to file, as the forge has them, into links from page to page. */
export function linksFromSources(md: MarkdownRenderer): void {
  md.core.ruler.push('links-from-sources', ({ tokens, env }) => {
    const source: string = env.realPath ?? env.path;
    for (const link of tokens.flatMap(({ children }) => children ?? []).filter(({ type }) => type === 'link_open')) {
      const href = link.attrGet('href') ?? '';
      if (!/^(?:[a-z]+:|[/#])/.test(href)) link.attrSet('href', pageLink(source, decodeURI(href)));
    }
  });
}

function pageLink(source: string, href: string): string {
  const [path = '', hash] = href.split('#');
  let target = join(dirname(source), path);
  if (existsSync(target) && statSync(target).isDirectory()) target = join(target, 'README.md');
  if (!target.endsWith('.md')) throw new Error(`${relative(repository, source)} links to ${href}, which is no page.`);
  const page = pageOf(relative(repository, target)).replace(/(?:(?<=^|\/)index)?\.md$/, '');
  return `/${page}${hash === undefined ? '' : `#${hash}`}`;
}
