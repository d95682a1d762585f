import type { MarkdownRenderer } from 'vitepress';

/** Gives code that fits on a line of a phone the class `short`: `--yes` is not to be broken at its hyphens. */
export function shortCode(md: MarkdownRenderer): void {
  md.core.ruler.push('short-code', ({ tokens }) => {
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      if (token.type === 'code_inline' && token.content.length <= 20) token.attrJoin('class', 'short');
    }
  });
}
