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
  const titles: string[] = [];
  let column = 0;
  let widest = 0;
  for (const [index, token] of table.entries()) {
    const text = table[index + 1]?.content.replaceAll('`', '') ?? '';
    if (token.type === 'th_open') titles.push(text);
    if (token.type === 'tr_open') column = 0;
    if (token.type !== 'td_open') continue;
    if (column === 0) widest = Math.max(widest, text.length);
    else if (titles.length > 2 && text && titles[column]) token.attrSet('data-column', titles[column] ?? '');
    column += 1;
  }
  if (titles.length > 2 || widest > narrow) table[0]?.attrJoin('class', 'stacks');
}
