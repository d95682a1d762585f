import type { MarkdownRenderer } from 'vitepress';

/** Shows the name of a code block that has one: ```ts [tenancy.ts]. In a group of blocks VitePress makes a tab of it. */
export function fileNames(md: MarkdownRenderer): void {
  const fence = md.renderer.rules.fence;
  md.renderer.rules.fence = (tokens, index, ...rest) => {
    const name = /\[(\S+)\]/.exec(tokens[index]?.info ?? '')?.[1];
    const code = fence?.(tokens, index, ...rest) ?? '';
    return name && !isInGroup(tokens.slice(0, index))
      ? `<div class="named-code"><div class="code-name">${md.utils.escapeHtml(name)}</div>${code}</div>`
      : code;
  };
}

function isInGroup(before: readonly { readonly type: string }[]): boolean {
  const last = before.findLast(({ type }) => type.startsWith('container_code-group'));
  return last?.type === 'container_code-group_open';
}
