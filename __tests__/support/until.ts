/**
 * Asks again until the answer is there, with a pause so that the asking does not load what is asked.
 *
 * @param description what is waited for; a function can add what was there instead, when the time is over
 * @param pause milliseconds; what costs an emulated machine something should be asked less often
 * @throws Error with the description once `seconds` have passed
 */
export async function until<T>(
  description: string | (() => string),
  seconds: number,
  ask: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  pause = 100,
): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== undefined && answer !== false) return answer;
    if (Date.now() > deadline) {
      const what = typeof description === 'string' ? description : description();
      throw new Error(`${what}: not within ${seconds} s`);
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}
