import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { publicKeyFingerprint, readPrivateKey } from '../../../../src/provider/services/openssh-key';
import { run } from '../../../../src/process/run';
import { temporaryDirectory } from '../../../support/temporary-directory';

let directory: string;
beforeAll(() => {
  directory = temporaryDirectory();
});
const make = async (name: string, ...args: string[]) => {
  const path = join(directory, name);
  await run('ssh-keygen', ['-q', '-N', '', '-f', path, ...args]);
  return path;
};

test.each(['', 'one', 'two words'])(
  'the public half and its fingerprint are those of ssh-keygen, comment %j',
  async (comment) => {
    const path = await make(`key-${comment}`, '-t', 'ed25519', '-C', comment);
    const key = readPrivateKey(readFileSync(path, 'utf8'));
    expect(key.publicKey).toBe(readFileSync(`${path}.pub`, 'utf8').trim());
    expect((await run('ssh-keygen', ['-l', '-f', path])).stdout).toContain(` ${key.fingerprint} `);
    expect(publicKeyFingerprint(key.publicKey)).toBe(key.fingerprint);
  },
);

test('other keys and keys with a passphrase are told apart', async () => {
  const rsa = await make('rsa', '-t', 'rsa', '-b', '2048');
  expect(() => readPrivateKey(readFileSync(rsa, 'utf8'))).toThrow('another type of key');
  const locked = join(directory, 'locked');
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'secret', '-f', locked]);
  expect(() => readPrivateKey(readFileSync(locked, 'utf8'))).toThrow('it has a passphrase');
});

test('a damaged key is never taken for a whole one, and never shown', async () => {
  const text = readFileSync(await make('damaged', '-t', 'ed25519', '-C', ''), 'utf8');
  const whole = readPrivateKey(text);
  const body = text.split('\n').slice(1, -2).join('');
  fc.assert(
    fc.property(fc.integer({ min: 0, max: text.length - 1 }), fc.constantFrom('A', 'z', '\n', ''), (at, put) => {
      const damaged = text.slice(0, at) + put + text.slice(at + 1);
      let result;
      try {
        result = readPrivateKey(damaged);
      } catch (error) {
        expect(error).toMatchObject({ code: 'key-unreadable' });
        expect((error as Error).message).not.toContain(body.slice(100, 120));
        return;
      }
      // Padding, check numbers and the repeated public half do not matter for the key itself.
      expect(result.fingerprint).toBe(whole.fingerprint);
    }),
  );
});

test.each([
  '',
  'ssh-ed25519',
  'ssh-ed25519 AAAA',
  'ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIIQZiie5XnNn8/ciLywlNx/cXkTuBNQtRttqfimP8uOX',
])('no public key: %j', (line) => {
  expect(() => publicKeyFingerprint(line)).toThrow(expect.objectContaining({ code: 'public-key-malformed' }) as Error);
});
