import { type GenericFormatter, SingleBar } from 'cli-progress';

interface Position {
  readonly tenant: string;
  readonly total: number;
  readonly done: number;
  readonly failed: number;
}

/** A bar in the last line of the terminal. Other output goes above it. */
interface Bar {
  show(position: Position): void;
  end(): void;
}

export function openBar(verb: string): Bar {
  const options = { format: textOf(verb), clearOnComplete: true, hideCursor: true, stream: originalStderr() };
  // The command handles Ctrl-C, not the bar.
  const bar = new SingleBar({ ...options, gracefulExit: false });
  let last: Position | undefined;

  function draw(): void {
    if (last === undefined) return;
    if (bar.isActive) bar.update(last.done, last);
    else bar.start(last.total, last.done, last);
  }

  /** Hides the bar while something else is written, and redraws it below after the end of the line. */
  function writeAbove(stream: NodeJS.WriteStream): () => void {
    const { write } = stream;
    function writeAndRedraw(...args: Parameters<typeof write>) {
      bar.stop();
      const flushed = write.apply(stream, args);
      if (String(args[0]).endsWith('\n')) draw();
      return flushed;
    }
    Object.assign(stream, { write: writeAndRedraw });
    return () => {
      Object.assign(stream, { write });
    };
  }

  const restore = [process.stdout, process.stderr].filter(({ isTTY }) => isTTY).map(writeAbove);
  function end(): void {
    process.off('exit', end);
    for (const back of restore) back();
    bar.stop();
  }
  // Show the cursor again if the process exits early.
  process.once('exit', end);

  return {
    show(position) {
      last = position;
      draw();
    },
    end,
  };
}

const width = 30;

function textOf(verb: string): GenericFormatter {
  return (_options, _params, { done, total, failed, tenant }: Position) => {
    const filled = Math.round((done / total) * width);
    return `${verb} ${'█'.repeat(filled)}${'░'.repeat(width - filled)} ${done}/${total} · ${failed} failed · ${tenant}`;
  };
}

/** Standard error with its original `write`, for the bar itself. */
function originalStderr(): NodeJS.WriteStream {
  return Object.create(process.stderr, { write: { value: process.stderr.write.bind(process.stderr) } });
}
