/** Seconds that the work took. */
export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return (performance.now() - begin) / 1000;
}

/** The middle one; of an even number the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.slice(Math.ceil(sorted.length / 2) - 1, Math.floor(sorted.length / 2) + 1);
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
}

/**
 * Medians of several measurements, made in turn, so that other load of the machine affects all of them alike.
 *
 * @param work each returns its own seconds
 */
export async function interleaved<Name extends string>(
  rounds: number,
  work: Readonly<Record<Name, () => Promise<number>>>,
): Promise<Record<Name, number>> {
  const names = Object.keys(work) as Name[];
  const seconds = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const name of names) seconds.get(name)?.push(await work[name]());
  }
  return Object.fromEntries(names.map((name) => [name, median(seconds.get(name) ?? [])])) as Record<Name, number>;
}

/** The same after one round that does not count: it fills caches that the operator's machine has full. */
export async function interleavedWhenWarm<Name extends string>(
  rounds: number,
  work: Readonly<Record<Name, () => Promise<number>>>,
): Promise<Record<Name, number>> {
  await interleaved(1, work);
  return await interleaved(rounds, work);
}
