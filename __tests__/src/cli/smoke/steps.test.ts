import fc from 'fast-check';
import { expectedResult, ghcVersionOf, parseRemoteLine } from '../../../../src/cli/smoke/steps';

describe('parseRemoteLine', () => {
  test('reads a step', () => {
    expect(parseRemoteLine('step compile ok 6.012 3')).toEqual({
      kind: 'step',
      name: 'compile',
      ok: true,
      seconds: 6.012,
      detail: '3',
    });
    expect(parseRemoteLine('step connected ok 0.000 ')).toEqual({
      kind: 'step',
      name: 'connected',
      ok: true,
      seconds: 0,
      detail: '',
    });
    expect(parseRemoteLine('step compile failed 0.000 no workspace')).toMatchObject({
      ok: false,
      detail: 'no workspace',
    });
  });

  test('gives back any result', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (content) => {
        expect(parseRemoteLine(`result ${Buffer.from(content).toString('base64')}`)).toEqual({
          kind: 'result',
          content,
        });
      }),
    );
  });

  test('takes no other line for one of its own', () => {
    for (const line of [
      '',
      'step',
      'step compile',
      'step other ok 1.000 x',
      'step compile maybe 1.000 x',
      'Main.hs:1:1: error',
      'result ?',
      ' step compile ok 1.000 x',
    ]) {
      expect(parseRemoteLine(line)).toBeUndefined();
    }
    fc.assert(
      fc.property(
        fc.string(),
        (line) => line.startsWith('step ') || line.startsWith('result ') || parseRemoteLine(line) === undefined,
      ),
    );
  });
});

test('the expected result depends on the nonce', () => {
  expect(expectedResult('abc')).toBe('built for cba\n338350\n');
});

test('reads the version that GHC prints', () => {
  expect(ghcVersionOf('The Glorious Glasgow Haskell Compilation System, version 9.6.6')).toBe('9.6.6');
  expect(ghcVersionOf('ghc: command not found')).toBeUndefined();
});
