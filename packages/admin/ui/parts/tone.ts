/** The style of what has a colour of the style sheet: that of a status, of a series, or of an outcome. */
export const tone = (name: string): { readonly '--tone': string } => ({ '--tone': `var(--${name}, var(--moving))` });
