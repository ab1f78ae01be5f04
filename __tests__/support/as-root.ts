/** In CI the tests run in any case, and fail without root: a skipped one would prove nothing. */
const isRoot = process.getuid?.() === 0 || process.env['CI'] === 'true';

/** A `describe` for tests that mount, or run programs as other accounts. */
export const describeAsRoot = isRoot ? describe : describe.skip;

/** As {@link describeAsRoot}, for one test. */
export const testAsRoot = isRoot ? test : test.skip;
