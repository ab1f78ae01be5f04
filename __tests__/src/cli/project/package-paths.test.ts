import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as fc from 'fast-check';
import { PackagePaths } from '../../../../src/cli/project/package-paths';
import { temporaryDirectory } from '../../../support/temporary-directory';

const WORKSPACE = '/build/dev-app-0123456789ab';

function project(...files: readonly string[]): PackagePaths {
  const root = temporaryDirectory();
  for (const path of files) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), '');
  }
  return new PackagePaths(root, WORKSPACE);
}

describe('PackagePaths', () => {
  const files = [
    ...['cabal.project', 'core/core.cabal', 'core/src/Lib.hs', 'core/src/Only.hs', 'core/src/Gr\u00fc\u00df.hs'],
    ...[
      'apps/cli/cli-tool.cabal',
      'apps/cli/src/Lib.hs',
      'apps/cli/Main.hs',
      'src/Top.hs',
      'core/src/Top.hs',
      'shared/S.hs',
    ],
  ];

  test.each([
    ['src/Only.hs:3:5: error: [GHC-88464]', 'core/src/Only.hs:3:5: error: [GHC-88464]'],
    [
      '\u001b[;1msrc/Only.hs:3:5: \u001b[;1m\u001b[31merror:',
      '\u001b[;1mcore/src/Only.hs:3:5: \u001b[;1m\u001b[31merror:',
    ],
    ['src/Only.hs:(3,1)-(4,9): error:', 'core/src/Only.hs:(3,1)-(4,9): error:'],
    ['      (bound at src/Only.hs:7:1)', '      (bound at core/src/Only.hs:7:1)'],
    [`${WORKSPACE}/core/src/Only.hs:1:1: warning:`, 'core/src/Only.hs:1:1: warning:'],
    ['Main.hs:1:1: error:', 'apps/cli/Main.hs:1:1: error:'],
    // which of them is not certain, or nothing says that it is a place in a file
    ['src/Lib.hs:3:5: error:', 'src/Lib.hs:3:5: error:'],
    ['src/Top.hs:3:5: error:', 'src/Top.hs:3:5: error:'],
    ['src/None.hs:3:5: error:', 'src/None.hs:3:5: error:'],
    ['../../core/src/Only.hs:3:5: error:', 'core/src/Only.hs:3:5: error:'],
    ['../../../etc/passwd.hs:3:5: error:', '../../../etc/passwd.hs:3:5: error:'],
    ['[1 of 2] Compiling Only ( src/Only.hs, Only.o )', '[1 of 2] Compiling Only ( src/Only.hs, Only.o )'],
    ['/etc/src/Only.hs:3:5: error:', '/etc/src/Only.hs:3:5: error:'],
  ])('%j', (line, expected) => {
    expect(project(...files).rewrite(line)).toBe(expected);
  });

  test('the package that cabal works on decides', () => {
    const paths = project(...files);
    paths.rewrite("Building executable 'cli' for cli-tool-0.1.0.0...");
    expect(paths.rewrite('src/Lib.hs:1:1: error:')).toBe('apps/cli/src/Lib.hs:1:1: error:');
    paths.rewrite('Preprocessing library for core-1.2..');
    expect(paths.rewrite('src/Lib.hs:1:1: error:')).toBe('core/src/Lib.hs:1:1: error:');
    expect(paths.rewrite('src/Top.hs:1:1: error:')).toBe('core/src/Top.hs:1:1: error:');
    expect(paths.rewrite('../shared/S.hs:1:1: error:')).toBe('shared/S.hs:1:1: error:');
  });

  test('bytes stay bytes', () => {
    const paths = project(...files);
    const line = Buffer.from('src/Gr\u00fc\u00df.hs:1:1: error: \u2018x\u2019').toString('latin1');
    expect(Buffer.from(paths.rewrite(line), 'latin1').toString()).toBe(
      'core/src/Gr\u00fc\u00df.hs:1:1: error: \u2018x\u2019',
    );
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = Buffer.from(bytes).toString('latin1');
        expect(paths.rewrite(text)).toBe(text);
      }),
    );
  });
});
