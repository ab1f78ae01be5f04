import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { installInclude } from '../../../../src/cli/install-ssh-config/install';
import type { Outcome } from '../../../../src/cli/install-ssh-config/report';
import { temporaryDirectory } from '../../../support/temporary-directory';

const SSH_CONFIG = '/state/fleet/ssh-config';
const BLOCK = `# >>> buildfleet buildfleet fleet >>>\nInclude ${SSH_CONFIG}\n# <<< buildfleet buildfleet fleet <<<\n`;

let home: string;
const config = () => join(home, '.ssh/config');
const install = (sshConfig = SSH_CONFIG, fleet = 'fleet'): Promise<Outcome> =>
  installInclude({ file: config(), fleet, sshConfig, signal: new AbortController().signal });
const write = (content: string | Buffer, mode = 0o600) => {
  writeFileSync(config(), content);
  chmodSync(config(), mode);
};

beforeEach(() => {
  home = temporaryDirectory();
  mkdirSync(join(home, '.ssh'));
});

test('a file that is not there is made for its owner alone, with its directory', async () => {
  rmSync(join(home, '.ssh'), { recursive: true });
  expect(await install()).toBe('installed');
  expect(readFileSync(config(), 'utf8')).toBe(BLOCK);
  expect(statSync(config()).mode & 0o777).toBe(0o600);
  expect(statSync(join(home, '.ssh')).mode & 0o777).toBe(0o700);
});

test('the rest of the file stays, byte for byte, with its mode', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(0o600, 0o644, 0o640), async (bytes, mode) => {
      write(Buffer.from(bytes), mode);
      expect(await install()).toBe('installed');
      expect(readFileSync(config()).equals(Buffer.concat([Buffer.from(BLOCK), bytes]))).toBe(true);
      expect(await install()).toBe('unchanged');
      expect(statSync(config()).mode & 0o777).toBe(mode);
    }),
    { numRuns: 50 },
  );
  expect(readdirSync(join(home, '.ssh'))).toEqual(['config']);
});

test('what is right already is not written again', async () => {
  write(`# mine\n\n${BLOCK}Host *\n`);
  const before = statSync(config(), { bigint: true });
  expect(await install()).toBe('unchanged');
  const after = statSync(config(), { bigint: true });
  expect([after.ino, after.mtimeNs]).toEqual([before.ino, before.mtimeNs]);
});

test.each([['Host *\n  User me\n'], ['User me\n'], ['  match all\n'], ['Host=x\n']])(
  'below %j it has no effect, and is moved',
  async (above) => {
    write(`${above}${BLOCK}Host x\n`);
    expect(await install()).toBe('moved');
    expect(readFileSync(config(), 'utf8')).toBe(`${BLOCK}${above}Host x\n`);
    expect(await install()).toBe('unchanged');
  },
);

test('what the operator has written by hand is enough', async () => {
  const text = `# mine\nInclude ${SSH_CONFIG}\nHost *\n  User me\n`;
  write(text);
  expect(await install()).toBe('unchanged');
  expect(readFileSync(config(), 'utf8')).toBe(text);
});

test('two fleets stand one below the other, and both are content', async () => {
  await install();
  expect(await install('/state/laptops/ssh-config', 'laptops')).toBe('installed');
  expect(await install()).toBe('unchanged');
  expect(await install('/state/laptops/ssh-config', 'laptops')).toBe('unchanged');
});

test('a fleet that has moved is followed where its block stands', async () => {
  await install();
  expect(await install('/elsewhere/ssh config')).toBe('updated');
  expect(readFileSync(config(), 'utf8')).toBe(BLOCK.replace(SSH_CONFIG, '"/elsewhere/ssh config"'));
});

test('a link stays a link', async () => {
  mkdirSync(join(home, 'dotfiles'));
  writeFileSync(join(home, 'dotfiles/config'), 'Host x\n');
  symlinkSync('../dotfiles/config', config());
  expect(await install()).toBe('installed');
  expect(lstatSync(config()).isSymbolicLink()).toBe(true);
  expect(readFileSync(join(home, 'dotfiles/config'), 'utf8')).toBe(`${BLOCK}Host x\n`);
});

test('markers that do not match are told, and nothing is touched', async () => {
  const broken = `${BLOCK}${BLOCK}`;
  write(broken);
  await expect(install()).rejects.toMatchObject({ code: 'managed-block-broken', place: config() });
  expect(readFileSync(config(), 'utf8')).toBe(broken);
});

test('a directory in its place is told', async () => {
  mkdirSync(config());
  await expect(install()).rejects.toMatchObject({ code: 'ssh-config-unwritable', place: config() });
});

test('several at once write one block', async () => {
  write('Host x\n');
  const outcomes = await Promise.all([install(), install(), install()]);
  expect(outcomes.sort()).toEqual(['installed', 'unchanged', 'unchanged']);
  expect(readFileSync(config(), 'utf8')).toBe(`${BLOCK}Host x\n`);
});
