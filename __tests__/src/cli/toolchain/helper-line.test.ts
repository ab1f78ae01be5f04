import { parseHelperLine } from '../../../../src/cli/toolchain/helper-line';

describe('a line of the helper', () => {
  test.each([
    { type: 'progress', text: 'installing hello' },
    { type: 'result', ok: true, code: 0, packages: [{ name: 'hello', version: '2.10-5', change: 'added' }] },
    { type: 'result', ok: false, code: 3, error: { code: 'package-unknown', problem: 'no', remedy: 'look' } },
  ])('is read: %j', (line) => {
    expect(parseHelperLine(JSON.stringify(line))).toEqual(line);
  });

  test.each([
    'bash: buildfleet-helper: command not found',
    '',
    '{',
    '[]',
    '{"type": "progress"}',
    '{"type": "result", "ok": true, "code": 1, "packages": []}',
    '{"type": "result", "ok": false, "code": 3}',
    '{"type": "progress", "text": "x", "more": 1}',
  ])('is none of it: %s', (line) => {
    expect(parseHelperLine(line)).toBeUndefined();
  });
});
