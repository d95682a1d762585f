import { renderMermaidSVG, THEMES } from 'beautiful-mermaid';
import type { MarkdownRenderer } from 'vitepress';

/** Draws ```mermaid blocks when the site is built: one picture for light pages and one for dark pages. `accTitle` is the text for screen readers. */
export function diagrams(md: MarkdownRenderer): void {
  const fence = md.renderer.rules.fence;
  md.renderer.rules.fence = (tokens, index, ...rest) => {
    const { info = '', content = '' } = tokens[index] ?? {};
    if (!info.startsWith('mermaid')) return fence?.(tokens, index, ...rest) ?? '';
    const text = md.utils.escapeHtml(title.exec(content)?.[1] ?? 'Diagram');
    const pictures = (['light', 'dark'] as const).map((mode) => {
      const source = `data:image/svg+xml,${encodeURIComponent(drawn(content, mode))}`;
      return `<img class="diagram ${mode}-only" alt="${text}" src="${source}">`;
    });
    return `<p class="diagram-frame">${pictures.join('')}</p>`;
  };
}

const title = /^ *accTitle: *(.+)\n/m;

/** The theme's own lines hardly stand out from a page. */
const strokes = {
  light: { line: '#6e7781', border: '#8c959f' },
  dark: { line: '#9198a1', border: '#6e7681', muted: '#c9d1d9' },
};

function drawn(diagram: string, mode: 'light' | 'dark'): string {
  const svg = renderMermaidSVG(diagram.replace(title, ''), {
    ...THEMES[`github-${mode}`],
    ...strokes[mode],
    transparent: true,
    padding: 24,
    // The boxes are sized for a font of this width.
    font: 'Arial',
  });
  // A picture loads nothing, so neither a font.
  return svg.replace(/@import url\([^)]*\);/, '');
}
