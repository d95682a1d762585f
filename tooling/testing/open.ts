/** What this test file has opened and not yet given back: `setup.ts` asks when its last test is over. */
export const open = new Set<string>();

/** The closer that closes once and no longer counts as open. */
export function opened(label: string, close: () => Promise<void>): () => Promise<void> {
  open.add(label);
  let closing: Promise<void> | undefined;
  return () => {
    open.delete(label);
    closing ??= close();
    return closing;
  };
}
