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

test('what a VM says in an error does not steer the terminal, and JSON keeps it', () => {
  const said = 'gone\u001b]0;owned\u0007\u009b2J\u001b[31m\u202e';
  const error = new FleetError({ code: 'vm-unknown', problem: said, place: said, value: said, remedy: said });
  expect(error).toMatchObject({ problem: 'gone ', place: 'gone ', remedy: 'gone ' });
  const steering = /[^\P{Cc}\n]|\u202e/u;
  for (const thrown of [error, new Error(said)]) {
    for (const options of [{}, { json: true }, { debug: true }])
      expect(print(thrown, options).stderr).not.toMatch(steering);
  }
  expect(JSON.parse(print(new Error(said), { json: true }).stderr)).toMatchObject({ error: { problem: said } });
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

  test('of what is written, our own colours only reach a terminal', () => {
    const text = 'a\u001b[32mb\u001b[0m\u001b[8m\u001b]52;c;eA==\u0007c\u009b2J\rd';
    const written = (json: boolean, environment: NodeJS.ProcessEnv) => {
      const stream = new RecordingStream(true);
      const terminal = openTerminal({ json, quiet: false }, environment, stream, stream);
      terminal.data(json ? JSON.stringify(text) : text);
      terminal.message(text);
      terminal.error(json ? JSON.stringify(text) : text);
      return stream.text;
    };
    expect(written(false, {})).toBe('a\u001b[32mb\u001b[0mc d\nabc d\nabc d\n');
    expect(written(false, { NO_COLOR: '1' })).toBe('abc d\nabc d\nabc d\n');
    const [data = '', message, error = ''] = written(true, {}).split('\n');
    expect([JSON.parse(data), message, JSON.parse(error)]).toEqual([text, 'abc d', text]);
    // eslint-disable-next-line no-control-regex -- control characters are what is looked for
    expect(data + error).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
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
