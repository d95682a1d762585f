import type { MarkdownRenderer } from 'vitepress';

/** Shows the name of a code block that has one: ```ts [tenancy.ts]. */
export function fileNames(md: MarkdownRenderer): void {
  const fence = md.renderer.rules.fence;
  md.renderer.rules.fence = (tokens, index, ...rest) => {
    const name = /\[(\S+)\]/.exec(tokens[index]?.info ?? '')?.[1];
    const code = fence?.(tokens, index, ...rest) ?? '';
    return name
      ? `<div class="named-code"><div class="code-name">${md.utils.escapeHtml(name)}</div>${code}</div>`
      : code;
  };
}
