/** A module that a document's code makes: one block, or several that continue one another. */
export interface Module {
  /** Its file name, among the modules of the document. */
  readonly name: string;
  /** Its code, each line where the document has it. */
  readonly code: string;
  /** Why it is compiled, but not run. */
  readonly noRun?: string;
}

/**
 * The TypeScript of a Markdown document. A block is a module of its own; after `ts` it may say
 * - `[tenancy.ts]`: the name by which the document's other blocks import it,
 * - `continued`: it goes on where the block before it ended,
 * - `no-check: reason`: it is not to be compiled, and why. The reason may be the block's first comment instead;
 * - `no-run: reason`: it is compiled, and not run.
 */
export function codeBlocks(markdown: string): Module[] {
  const modules: { name: string; lines: string[]; noRun: string | undefined }[] = [];
  const lines = markdown.split(/\r?\n/);
  for (let start = 0; start < lines.length; start++) {
    const [, indent = '', fence, language, rest = ''] =
      /^(\s*)(`{3,}|~{3,})\s*(\S*)\s*(.*)$/.exec(lines[start] ?? '') ?? [];
    if (!fence) continue;
    let end = start + 1;
    while (end < lines.length && lines[end]?.trim() !== fence) end++;
    const block = lines
      .slice(start + 1, end)
      .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line));
    if (language === 'ts' || language === 'typescript') take(block, rest, start + 1);
    start = end;
  }
  return modules.map(({ name, lines, noRun }) => {
    const code = `${lines.join('\n')}\nexport {};\n`;
    return noRun === undefined ? { name, code } : { name, code, noRun };
  });

  function take(block: string[], mark: string, line: number): void {
    if (/\bno-check\b/.test(mark)) {
      const reason = /\bno-check: \S/.test(mark) || /^\s*\/\/ \S/.test(block[0] ?? '');
      if (!reason) throw new Error(`line ${line}: no-check needs a reason, beside it or as the block's first comment`);
      return;
    }
    const noRun = /\bno-run: (\S.*)/.exec(mark)?.[1];
    if (noRun === undefined && /\bno-run\b/.test(mark))
      throw new Error(`line ${line}: no-run needs a reason beside it`);
    if (/\bcontinued\b/.test(mark)) goOn(block, line);
    else begin(block, mark, { line, noRun });
  }

  function begin(block: string[], mark: string, { line, noRun }: { line: number; noRun: string | undefined }): void {
    const name = /\[(\S+\.ts)\]/.exec(mark)?.[1] ?? `line-${line}.ts`;
    if (modules.some((module) => module.name === name))
      throw new Error(`line ${line}: a second block is called ${name}`);
    modules.push({ name, lines: [...Array<string>(line).fill(''), ...block], noRun });
  }

  function goOn(block: string[], line: number): void {
    const last = modules.at(-1);
    if (!last) throw new Error(`line ${line}: continues no block`);
    last.lines.push(...Array<string>(line - last.lines.length).fill(''), ...block);
  }
}
