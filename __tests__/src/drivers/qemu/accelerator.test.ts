import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError, type Run } from '../../../../src/process/run';
import { chooseAccelerator, kvmProofArguments } from '../../../../src/drivers/qemu/accelerator';
import { temporaryDirectory } from '../../../support/temporary-directory';

let directory: string;
let commands: string[][];
const SIGNAL = new AbortController().signal;

beforeEach(() => {
  directory = temporaryDirectory();
  writeFileSync(join(directory, 'kvm'), '');
  commands = [];
});

const cacheFile = () => join(directory, 'cache', 'accelerator.json');

/** A QEMU that prints these lines and then hangs, as a guest that lives on does, until it is ended. */
function hangingAfter(...lines: string[]): Run {
  return (file, args, options) => {
    commands.push([file, ...args]);
    return new Promise((_, reject) => {
      options?.signal?.addEventListener('abort', () => {
        reject(new CommandError('cancelled', file, '', '', undefined, undefined, true, undefined));
      });
      for (const line of lines) options?.onLine?.(line);
    });
  };
}

function failing(exitCode: number | undefined, code?: string): Run {
  return (file, args) => {
    commands.push([file, ...args]);
    return Promise.reject(new CommandError('qemu failed', file, '', '', exitCode, code, false, undefined));
  };
}

function choose(run: Run, signal = SIGNAL) {
  const device = join(directory, 'kvm');
  return chooseAccelerator({
    run,
    imagePath: '/cache/a,b.qcow2',
    cacheFile: cacheFile(),
    signal,
    device,
    silenceMs: 50,
  });
}

test('KVM is used when a guest reached user space, and the guest is then ended', async () => {
  const run = hangingAfter('SeaBIOS', '[    0.0] Linux version 6.12', '[    1.2] systemd[1]: Inserted module');
  expect(await choose(run)).toBe('kvm');
  expect(commands).toEqual([['qemu-system-x86_64', ...kvmProofArguments('/cache/a,b.qcow2')]]);
  expect(commands[0]).toContain('file=/cache/a,,b.qcow2,format=qcow2,if=virtio,snapshot=on');
});

test.each([
  ['hangs without a word', () => hangingAfter()],
  ['makes QEMU abort', () => failing(undefined)],
  ['makes QEMU refuse', () => failing(1)],
  ['only makes QEMU warn', () => hangingAfter("qemu-system-x86_64: warning: host doesn't support systemd[1] login:")],
])('a KVM that %s is not used', async (_, run) => {
  expect(await choose(run())).toBe('tcg');
});

test('the answer is kept until the machine boots again', async () => {
  expect(await choose(failing(1))).toBe('tcg');
  expect(await choose(hangingAfter('login:'))).toBe('tcg');
  expect(commands).toHaveLength(1);
  const kept = JSON.parse(readFileSync(cacheFile(), 'utf8')) as { bootId: string };
  writeFileSync(cacheFile(), JSON.stringify({ ...kept, bootId: 'before' }));
  expect(await choose(hangingAfter('login:'))).toBe('kvm');
});

test('a damaged answer is asked for again', async () => {
  await choose(failing(1));
  writeFileSync(cacheFile(), '{"accelerator": "kvm"');
  expect(await choose(failing(1))).toBe('tcg');
  expect(commands).toHaveLength(2);
});

test('without the device nothing is started', async () => {
  rmSync(join(directory, 'kvm'));
  expect(await choose(failing(1))).toBe('tcg');
  expect(commands).toEqual([]);
});

test('a cancelled proof proves nothing, and a missing QEMU is an error', async () => {
  const controller = new AbortController();
  const choosing = choose(hangingAfter('[    0.0] Linux version'), controller.signal);
  controller.abort();
  await expect(choosing).rejects.toMatchObject({ name: 'AbortError' });
  await expect(choose(failing(undefined, 'ENOENT'))).rejects.toMatchObject({ code: 'ENOENT' });
  expect(existsSync(cacheFile())).toBe(false);
});
