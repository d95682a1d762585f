import { existsSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { MarkdownRenderer } from 'vitepress';
import { pageOf, repository } from './pages.ts';

/**
 * Turns links from file to file, as the forge has them, into links from page to page. A link to a file that is no page, such as a test, is
 * a text on the site.
 */
export function linksFromSources(md: MarkdownRenderer): void {
  md.core.ruler.push('links-from-sources', ({ tokens, env }) => {
    const source: string = env.realPath ?? env.path;
    for (const token of tokens) {
      if (!token.children) continue;
      let inText = false;
      token.children = token.children.filter((part) => {
        if (part.type === 'link_open') {
          const link = siteLink(source, part.attrGet('href') ?? '');
          inText = link === undefined;
          if (link !== undefined) part.attrSet('href', link);
        }
        return !(inText && part.type.startsWith('link_'));
      });
    }
  });
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
