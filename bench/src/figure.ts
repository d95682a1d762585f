/** The median of what the rounds measured, with the least and the most. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** One line of the result. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly tenancy: Spread;
  /** The same on MikroORM by itself. */
  readonly plain?: Spread;
  /** Tenancy by plain, of each round. */
  readonly ratio?: Spread;
  /** What the median of the ratio, or where there is none that of tenancy, is held to. */
  readonly target?: { readonly least: number } | { readonly most: number };
}

/** One round: the same work with tenancy and without, one right after the other. */
export interface Round {
  readonly tenancy: number;
  readonly plain: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (position: number) => sorted[position] ?? Number.NaN;
  const middle = (sorted.length - 1) / 2;
  return { median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2, min: at(0), max: at(sorted.length - 1) };
}

/** The figure of interleaved rounds, whose ratio is the median of the rounds' ratios. */
export function compared(about: Pick<Figure, 'name' | 'unit' | 'target'>, rounds: readonly Round[]): Figure {
  return {
    ...about,
    tenancy: spreadOf(rounds.map(({ tenancy }) => tenancy)),
    plain: spreadOf(rounds.map(({ plain }) => plain)),
    ratio: spreadOf(rounds.map(({ tenancy, plain }) => tenancy / plain)),
  };
}

/** What the target asks for, in signs. */
export function targetText({ target }: Figure): string {
  if (target === undefined) return '';
  return 'least' in target ? `≥ ${target.least}` : `≤ ${target.most}`;
}

export function misses({ target, ratio, tenancy }: Figure): boolean {
  const { median } = ratio ?? tenancy;
  if (target === undefined) return false;
  return !('least' in target ? median >= target.least : median <= target.most);
}
