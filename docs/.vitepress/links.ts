import { existsSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { MarkdownRenderer } from 'vitepress';
import { pageOf, repository } from './pages.ts';

type Token = Parameters<NonNullable<MarkdownRenderer['renderer']['rules']['fence']>>[0][number];

/**
 * Turns links from file to file, as the forge has them, into links from page to page. A link to a file that is no page, such as the title
 * of a test, is in italics on the site.
 */
export function linksFromSources(md: MarkdownRenderer): void {
  md.core.ruler.push('links-from-sources', ({ tokens, env }) => {
    const source: string = env.realPath ?? env.path;
    for (const { children } of tokens) resolveLinks(children ?? [], source);
  });
}

function resolveLinks(parts: readonly Token[], source: string): void {
  let inText = false;
  for (const part of parts) {
    if (part.type === 'link_open') {
      const link = siteLink(source, part.attrGet('href') ?? '');
      inText = link === undefined;
      if (link !== undefined) part.attrSet('href', link);
    }
    if (inText && part.type.startsWith('link_'))
      Object.assign(part, { type: part.type.replace('link', 'em'), tag: 'em', attrs: null });
  }
}

function siteLink(source: string, href: string): string | undefined {
  return /^(?:[a-z]+:|[/#])/.test(href) ? href : pageLink(source, decodeURI(href));
}

function pageLink(source: string, href: string): string | undefined {
  const [path = '', hash] = href.split('#');
  let target = join(dirname(source), path);
  if (existsSync(target) && statSync(target).isDirectory()) target = join(target, 'README.md');
  if (!existsSync(target)) throw new Error(`${relative(repository, source)} links to ${href}, which is not there.`);
  const file = relative(repository, target);
  if (!file.endsWith('.md') || pageOf(file) === file) return undefined;
  const page = pageOf(file).replace(/(?:(?<=^|\/)index)?\.md$/, '');
  return `/${page}${hash === undefined ? '' : `#${hash}`}`;
}
