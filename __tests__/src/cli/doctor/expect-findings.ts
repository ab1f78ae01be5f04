import type { Observation } from '../../../../src/model/finding';

/** Level, and patterns of what is found and advised; without the last nothing is advised. */
export type ExpectedFinding = readonly [level: string, found: RegExp, remedy?: RegExp];

export function expectFindings(found: readonly Observation[], expected: readonly ExpectedFinding[]): void {
  expect(found.map(({ level }) => level)).toEqual(expected.map(([level]) => level));
  for (const [index, [, words, remedy]] of expected.entries()) {
    expect(found[index]?.found).toMatch(words);
    if (remedy === undefined) expect(found[index]?.remedy).toBeNull();
    else expect(found[index]?.remedy).toMatch(remedy);
  }
}
