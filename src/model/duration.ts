/** A length of time. The unit is said where the value is written. */
export class Duration {
  static seconds(amount: number): Duration {
    return new Duration(amount);
  }

  static minutes(amount: number): Duration {
    return new Duration(amount * 60);
  }

  private constructor(private readonly inSeconds: number) {}

  toSeconds(): number {
    return this.inSeconds;
  }

  /** For messages: `600 s`. */
  toString(): string {
    return `${this.inSeconds} s`;
  }

  toJSON(): string {
    return this.toString();
  }
}
