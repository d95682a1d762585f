import { type GenericFormatter, SingleBar } from 'cli-progress';

/** How far it is. */
interface Far {
  readonly tenant: string;
  readonly total: number;
  readonly done: number;
  readonly failed: number;
}

/** A bar in the last line of the terminal; what is written meanwhile, by whomever, goes above it. */
interface Bar {
  show(far: Far): void;
  end(): void;
}

export function openBar(verb: string): Bar {
  const options = { format: textOf(verb), clearOnComplete: true, hideCursor: true, stream: itself() };
  // Ctrl-C is not the bar's to handle.
  const bar = new SingleBar({ ...options, gracefulExit: false });
  let last: Far | undefined;

  function draw(): void {
    if (last === undefined) return;
    if (bar.isActive) bar.update(last.done, last);
    else bar.start(last.total, last.done, last);
  }

  /** Lets others write in the bar's place; it comes back below, once they have ended their line. */
  function giveWay(stream: NodeJS.WriteStream): () => void {
    const { write } = stream;
    function above(...args: Parameters<typeof write>) {
      bar.stop();
      const flushed = write.apply(stream, args);
      if (String(args[0]).endsWith('\n')) draw();
      return flushed;
    }
    Object.assign(stream, { write: above });
    return () => {
      Object.assign(stream, { write });
    };
  }

  const restore = [process.stdout, process.stderr].filter(({ isTTY }) => isTTY).map(giveWay);
  function end(): void {
    process.off('exit', end);
    for (const back of restore) back();
    bar.stop();
  }
  // A process that ends at once leaves a cursor to be seen.
  process.once('exit', end);

  return {
    show(far) {
      last = far;
      draw();
    },
    end,
  };
}

const width = 30;

function textOf(verb: string): GenericFormatter {
  return (_options, _params, { done, total, failed, tenant }: Far) => {
    const filled = Math.round((done / total) * width);
    return `${verb} ${'█'.repeat(filled)}${'░'.repeat(width - filled)} ${done}/${total} · ${failed} failed · ${tenant}`;
  };
}

/** Standard error as it is before others give way to the bar. */
function itself(): NodeJS.WriteStream {
  return Object.create(process.stderr, { write: { value: process.stderr.write.bind(process.stderr) } });
}
