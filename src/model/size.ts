/** An amount of memory or disk. The unit is said where the value is written, so that MiB never meets GiB. */
export class Size {
  static mebibytes(amount: number): Size {
    return new Size(amount);
  }

  static gibibytes(amount: number): Size {
    return new Size(amount * 1024);
  }

  private constructor(private readonly mib: number) {}

  /** Whole or not, as given: the caller decides whether a fraction of a MiB is valid. */
  toMebibytes(): number {
    return this.mib;
  }

  /** For messages: `2048 MiB`. */
  toString(): string {
    return `${this.mib} MiB`;
  }

  toJSON(): string {
    return this.toString();
  }
}
