import { markBuildDirectories } from '../../../../src/cli/work/build-directory';

const marks = (...argv: string[]) => markBuildDirectories('me-app-0123456789ab', ['cabal', 'build', ...argv]);

test.each([[['--builddir=out/dist x']], [['--builddir', 'out/dist x']]])(
  '%j is marked before cabal builds in it',
  (argv) => {
    expect(marks(...argv)).toBe(
      "mkdir -p '/build/me-app-0123456789ab/out/dist x' && printf '*\\0' >'/build/me-app-0123456789ab/out/dist x/.buildfleet-built'\n",
    );
  },
);

test.each([['--builddir=dist-x'], ['--builddir=/tmp/x'], ['--builddir=../x/y'], ['--builddir=']])(
  '%s needs no mark',
  (arg) => {
    expect(marks(arg)).toBe('');
  },
);
