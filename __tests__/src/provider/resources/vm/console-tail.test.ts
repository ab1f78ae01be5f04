import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { cleanConsole, consoleTail } from '../../../../../src/provider/resources/vm/console-tail';
import { temporaryDirectory } from '../../../../support/temporary-directory';

test('escape sequences, carriage returns and empty lines go, text stays', () => {
  const raw =
    '\u001bc\u001b[?7l\u001b[2J\u001b[0mSeaBIOS\r\r\n\r\n' +
    '\u001b]0;title\u0007[\u001b[0;32m  OK  \u001b[0m] Started \u001b[0;1;39mssh.service\u001b[0m.\r\n' +
    '[*     ] waiting\r[ **   ] waiting\r\n' +
    'login: ';
  expect(cleanConsole(raw, 10)).toEqual(['SeaBIOS', '[  OK  ] Started ssh.service.', '[ **   ] waiting', 'login:']);
});

test('only the last lines are kept', () => {
  expect(cleanConsole('one\ntwo\nthree\n', 2)).toEqual(['two', 'three']);
  expect(cleanConsole('one\n', 0)).toEqual([]);
});

test('no control character in the output of a guest gets through', () => {
  fc.assert(
    fc.property(
      fc.string({
        unit: fc.constantFrom('\u001b', '[', ']', '\r', '\n', '\t', '\u0007', '\u0000', 'm', '1', ';', 'ä'),
      }),
      (raw) => {
        // eslint-disable-next-line no-control-regex -- that is what is looked for
        for (const line of cleanConsole(raw, 40)) expect(line).not.toMatch(/[\u0000-\u0008\u000a-\u001f\u007f]/);
      },
    ),
  );
});

test('of a large log only the end is read, and a missing one is empty', () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'console.log');
  expect(consoleTail(path)).toEqual([]);
  writeFileSync(path, `${'x'.repeat(5_000_000)}\nlast\n`);
  expect(consoleTail(path, 1)).toEqual(['last']);
});
