/** How much a figure may be: `plus`, and `factor` times the peer where there is one. */
export interface Limit {
  readonly plus: number;
  readonly factor?: number;
}

/** One measured number. */
export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: 's' | 'MiB';
  /** What the value is compared with: measured in the same run, in the same unit, under the same conditions. */
  readonly peer?: { readonly what: string; readonly value: number };
  /** Absent for figures that are reported only. */
  readonly limit?: Limit;
}

/** Results of a benchmark. */
export interface Findings {
  readonly figures: readonly Figure[];
  /** Facts about the machine that only this benchmark learns, by name. */
  readonly facts?: Readonly<Record<string, string>>;
}

/** Context of every benchmark. */
export interface BenchContext {
  /** Fires when the operator stops the run; everything that was made is then removed all the same. */
  readonly signal: AbortSignal;
  /** Receives progress messages. */
  readonly progress: (text: string) => void;
}

/** Measures, and leaves nothing behind. */
export type Benchmark = (context: BenchContext) => Promise<Findings>;

/** The most that the figure may be, null where it is reported only. */
export function allowed({ limit, peer }: Figure): number | null {
  return limit === undefined ? null : limit.plus + (limit.factor ?? 0) * (peer?.value ?? 0);
}

export function isMissed(figure: Figure): boolean {
  const most = allowed(figure);
  return most !== null && figure.value > most;
}
