import { printError } from '../../../src/cli/print-error';
import { openTerminal, type Stream } from '../../../src/cli/terminal';
import type { ErrorCode } from '../../../src/model/error-codes';
import { FleetError } from '../../../src/model/errors';

class RecordingStream implements Stream {
  text = '';
  constructor(readonly isTTY = false) {}
  write(text: string): void {
    this.text += text;
  }
}

function print(error: unknown, options: { json?: boolean; debug?: boolean } = {}) {
  const [stdout, stderr] = [new RecordingStream(), new RecordingStream()];
  const exitCode = printError(
    error,
    openTerminal({ json: options.json ?? false, quiet: true }, {}, stdout, stderr),
    options.debug ?? false,
  );
  return { exitCode, stdout: stdout.text, stderr: stderr.text };
}

const unknownVm = new FleetError({
  code: 'vm-unknown',
  problem: 'no such VM',
  place: 'fleet.json',
  value: 'x\ny',
  remedy: 'use alpha',
});

test('an error is one line with place, value and remedy', () => {
  expect(print(unknownVm)).toEqual({
    exitCode: 3,
    stdout: '',
    stderr: 'buildfleet: fleet.json: no such VM (received "x\\ny"): use alpha\n',
  });
});

test('with --json an error is an object', () => {
  const { stderr } = print(unknownVm, { json: true });
  expect(JSON.parse(stderr)).toEqual({
    error: {
      code: 'vm-unknown',
      message: unknownVm.message,
      problem: 'no such VM',
      place: 'fleet.json',
      remedy: 'use alpha',
    },
  });
});

test('a defect says how to see its stack, and shows it only then', () => {
  const defect = new TypeError('x is not a function', { cause: new Error('deeper') });
  expect(print(defect)).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/^buildfleet: x is not a function: .*BUILDFLEET_DEBUG=1.*\n$/),
  });
  expect(print(defect, { debug: true }).stderr).toMatch(
    /TypeError: x is not a function\n +at [^]*caused by: Error: deeper\n +at /,
  );
});

test.each<[ErrorCode, number]>([
  ['usage', 2],
  ['fleet-not-found', 3],
  ['fleet-ambiguous', 3],
  ['slot-unknown', 3],
  ['slot-in-use', 1],
  ['hub-port-in-use', 1],
])('%s ends with %d', (code, exitCode) => {
  expect(print(new FleetError({ code, problem: 'p', remedy: 'r' })).exitCode).toBe(exitCode);
});

describe('openTerminal', () => {
  const colour = (isTTY: boolean, environment: NodeJS.ProcessEnv, json = false) =>
    openTerminal({ json, quiet: false }, environment, new RecordingStream(isTTY), new RecordingStream()).colour;

  test('colours only on a terminal, and without NO_COLOR', () => {
    expect(colour(true, {})).toBe(true);
    expect(colour(false, {})).toBe(false);
    expect(colour(true, { NO_COLOR: '1' })).toBe(false);
    expect(colour(true, { TERM: 'dumb' })).toBe(false);
    expect(colour(true, {}, true)).toBe(false);
  });

  test('data goes to standard output, messages to standard error unless quiet', () => {
    const [stdout, stderr] = [new RecordingStream(), new RecordingStream()];
    for (const quiet of [false, true]) {
      const terminal = openTerminal({ json: false, quiet }, {}, stdout, stderr);
      terminal.data('data');
      terminal.message('message');
    }
    expect(stdout.text).toBe('data\ndata\n');
    expect(stderr.text).toBe('message\n');
  });
});
