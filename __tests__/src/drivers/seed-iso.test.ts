import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError, run, type Run } from '../../../src/process/run';
import { writeSeedIso } from '../../../src/drivers/seed-iso';
import { temporaryDirectory } from '../../support/temporary-directory';

describe('writeSeedIso', () => {
  let directory: string;
  let path: string;
  beforeEach(() => {
    directory = temporaryDirectory();
    path = join(directory, 'seed.iso');
  });
  const write = (runner: Run, signal = new AbortController().signal) =>
    writeSeedIso({ userData: '#cloud-config\nSECRET\n', metaData: 'instance-id: x\n', path, run: runner, signal });

  /** Stands in for xorriso: writes the given text into the output file, as the real one does. */
  const fakeXorriso =
    (seen: (file: string, args: readonly string[]) => void = () => undefined): Run =>
    (file, args) => {
      seen(file, args);
      writeFileSync(args[args.indexOf('-output') + 1] ?? '', 'iso');
      return Promise.resolve({ stdout: '', stderr: '', exitCode: 0 });
    };

  test('gives xorriso two files that only the owner can read, and never a secret as an argument', async () => {
    let modes: unknown;
    let argv: readonly string[] = [];
    await write(
      fakeXorriso((file, args) => {
        argv = [file, ...args];
        const staging = args.at(-1) ?? '';
        const mode = (name: string) => statSync(join(staging, name)).mode & 0o777;
        modes = {
          directory: mode('.'),
          names: readdirSync(staging).sort(),
          files: [mode('meta-data'), mode('user-data')],
        };
        expect(statSync(args[args.indexOf('-output') + 1] ?? '').mode & 0o777).toBe(0o600);
      }),
    );
    expect(modes).toEqual({ directory: 0o700, names: ['meta-data', 'user-data'], files: [0o600, 0o600] });
    expect(argv.join(' ')).toBe(
      `xorriso -no_rc -as mkisofs -quiet -volid CIDATA -joliet -rock -uid 0 -gid 0 -output ${path}.partial ${path}.staging`,
    );
  });

  test('leaves the file alone, after any interrupted call', async () => {
    writeFileSync(`${path}.partial`, 'half');
    writeFileSync(`${path}.staging`, 'not even a directory');
    writeFileSync(path, 'old', { mode: 0o644 });
    chmodSync(path, 0o644);
    await write(fakeXorriso());
    expect(readdirSync(directory)).toEqual(['seed.iso']);
    expect(readFileSync(path, 'utf8')).toBe('iso');
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  const failure =
    (code: string | undefined, cancelled: boolean): Run =>
    () =>
      Promise.reject(new CommandError('failed', 'xorriso', '', '', undefined, code, cancelled, null));

  test('a failure keeps the old seed, removes the secrets and says what to do', async () => {
    writeFileSync(path, 'old');
    await expect(write(failure(undefined, false))).rejects.toMatchObject({
      code: 'seed-failed',
      place: path,
    });
    expect(readdirSync(directory)).toEqual(['seed.iso']);
    expect(readFileSync(path, 'utf8')).toBe('old');
  });

  test('a missing xorriso is named with its package', async () => {
    await expect(write(failure('ENOENT', false))).rejects.toThrow(
      /xorriso is not installed: install the package xorriso/,
    );
    expect(existsSync(`${path}.staging`)).toBe(false);
  });

  test('a cancelled call ends as cancelled', async () => {
    await expect(write(failure(undefined, true))).rejects.toMatchObject({ cancelled: true });
    expect(readdirSync(directory)).toEqual([]);
  });

  test('a directory that is missing is a clear error', async () => {
    path = join(directory, 'gone', 'seed.iso');
    await expect(write(run)).rejects.toMatchObject({ code: 'seed-failed', place: path });
  });
});
