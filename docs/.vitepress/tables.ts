import type { MarkdownRenderer } from 'vitepress';

/**
 * Prepares tables for narrow screens, where a wide one becomes a list: the table gets the class `stacks`, and each cell
 * the title of its column as `data-column`.
 */
export function tables(md: MarkdownRenderer): void {
  md.core.ruler.push('tables-for-narrow-screens', ({ tokens }) => {
    let start = 0;
    for (const [index, token] of tokens.entries()) {
      if (token.type === 'table_open') start = index;
      if (token.type === 'table_close') prepare(tokens.slice(start, index));
    }
  });
  // VitePress renders each table alike.
  md.renderer.rules.table_open = (tokens, index, options, _env, self) => {
    tokens[index]?.attrSet('tabindex', '0');
    return self.renderToken(tokens, index, options);
  };
}

/** What fits beside a second column on a phone, in characters. */
const narrow = 22;

type Token = Parameters<NonNullable<MarkdownRenderer['renderer']['rules']['fence']>>[0][number];

function prepare(table: readonly Token[]): void {
  const cells = [...table.entries()]
    .filter(([, { type }]) => type === 'th_open' || type === 'td_open')
    .map(([index, token]) => ({ token, text: table[index + 1]?.content.replaceAll('`', '') ?? '' }));
  const titles = cells.filter(({ token }) => token.type === 'th_open').map(({ text }) => text);
  const rows = cells.slice(titles.length).map((cell, n) => ({ ...cell, column: n % titles.length }));
  const widest = Math.max(...rows.map(({ column, text }) => (column === 0 ? text.length : 0)));
  if (titles.length <= 2 && widest <= narrow) return;
  table[0]?.attrJoin('class', 'stacks');
  for (const { token, text, column } of titles.length > 2 ? rows : []) {
    if (column > 0 && text && titles[column]) token.attrSet('data-column', titles[column]);
  }
}
