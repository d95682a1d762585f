import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

// VitePress fails on links to pages that are not there; this does on those to headings that are not.
const site = join(import.meta.dirname, '..', '.vitepress', 'dist');
const ids = new Map<string, ReadonlySet<string>>();
const links: { from: string; to: string }[] = [];

for (const file of globSync('**/*.html', { cwd: site })) {
  const html = readFileSync(join(site, file), 'utf8');
  const address = `/${file}`;
  ids.set(address, new Set([...html.matchAll(/\sid="([^"]+)"/g)].map(([, id = '']) => unescaped(id))));
  for (const [, href = ''] of html.matchAll(/<a [^>]*?href="([^"]+)"/g)) {
    const url = new URL(unescaped(href), `http://site${address}`);
    if (url.host === 'site') links.push({ from: address, to: decodeURI(url.pathname + url.hash) });
  }
}

const dead = links.filter(({ to }) => {
  const [path = '', id] = to.split('#');
  const found = ids.get(path.endsWith('/') ? `${path}index.html` : path);
  return found === undefined || (id !== undefined && id !== '' && !found.has(id));
});
for (const { from, to } of dead) console.error(`${from} links to ${to}, which is not there.`);
if (dead.length > 0) process.exitCode = 1;
console.log(`${links.length} links on ${ids.size} pages, ${dead.length} of them dead`);

function unescaped(text: string): string {
  return text.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&amp;', '&');
}
