import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalPath, namesFileIn } from '../../../src/files/links';
import { temporaryDirectory } from '../../support/temporary-directory';

let real: string;
let link: string;

beforeEach(() => {
  const directory = temporaryDirectory();
  real = join(directory, 'real home');
  link = join(directory, 'link');
  mkdirSync(real);
  symlinkSync(real, link);
});

test('a path has one name however it is spelled, also below what does not exist yet', () => {
  expect(canonicalPath(link)).toBe(real);
  expect(canonicalPath(join(link, 'not/yet'))).toBe(join(real, 'not/yet'));
  expect(canonicalPath('/nonexistent/below')).toBe('/nonexistent/below');
});

test('a program is known by a title in which sshd has escaped what is not ASCII', () => {
  const state = join(real, 'hö me ☃/state');
  const escaped = Array.from(Buffer.from(state), (byte) =>
    byte > 126 ? `\\${byte.toString(8)}` : String.fromCharCode(byte),
  );
  expect(namesFileIn(state, `sshd: /usr/sbin/sshd -D -f ${escaped.join('')}/sshd_config [listener] 0 of 100`)).toBe(
    true,
  );
});

test.each([
  ['its argument', (home: string) => `/usr/bin/node ${home}/state/hub.js --port 8000`, true],
  ["sshd's title", (home: string) => `sshd: /usr/sbin/sshd -D -f ${home}/state/sshd_config [listener] 0 of 100`, true],
  ['another directory', (home: string) => `/usr/bin/node ${home}/state2/hub.js`, false],
  ['the directory itself', (home: string) => `/usr/bin/node ${home}/state`, false],
])('a program is known by %s, in every spelling', (_, commandLine, expected) => {
  for (const [one, other] of [
    [real, link],
    [link, real],
    [link, link],
  ] as const) {
    expect(namesFileIn(join(one, 'state'), commandLine(other))).toBe(expected);
  }
});
