import { FleetError } from '../../../../src/model/errors';
import { CommandError } from '../../../../src/process/run';
import { explainFailure, explainText } from '../../../../src/drivers/qemu/failures';

const PLACE = 'haskell-build-alpha';

/** As QEMU 7.2, qemu-img and Node print them. */
const MESSAGES: readonly (readonly [string, string])[] = [
  ['qemu-img: /s/disk.qcow2.partial: Could not write qcow2 header: No space left on device', 'disk-full'],
  ['ENOSPC: no space left on device, write', 'disk-full'],
  ["EROFS: read-only file system, mkdir '/s/vms'", 'state-directory-not-writable'],
  ["EACCES: permission denied, mkdir '/s/vms'", 'state-directory-not-writable'],
  [
    'qemu-system-x86_64: -blockdev {...}: Failed to get "write" lock\nIs another process using the image [/s/disk.qcow2]?',
    'disk-in-use',
  ],
  ['qemu-system-x86_64: -blockdev {...}: Image is not in qcow2 format', 'image-damaged'],
  ["qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory", 'not-enough-memory'],
  ['qemu-system-x86_64: something new', 'qemu-failed'],
];

test.each(MESSAGES)('%s', (said, code) => {
  const error = explainText(said, 'the VM cannot be started', PLACE);
  expect(error.code).toBe(code);
  expect(error.message).toContain(said);
  expect(error.remedy).toContain('deploy again');
});

test('a missing program gives the package to install, for both kinds of error', () => {
  const spawn = Object.assign(new Error('spawn qemu ENOENT'), { code: 'ENOENT', syscall: 'spawn qemu' });
  const command = new CommandError('not installed', 'qemu-img', '', '', undefined, 'ENOENT', false, undefined);
  for (const cause of [spawn, command]) {
    expect(explainFailure(cause, 'the VM cannot be started', PLACE)).toMatchObject({ code: 'qemu-missing', cause });
  }
  const file = Object.assign(new Error("ENOENT: no such file, open 'x'"), { code: 'ENOENT', syscall: 'open' });
  expect(explainFailure(file, 'the VM cannot be started', PLACE)).toMatchObject({ code: 'qemu-failed' });
});

test('what explains itself, and what was cancelled, stays as it is', () => {
  const own = new FleetError({ code: 'vm-missing', problem: 'p', remedy: 'r' });
  const cancelled = new CommandError('cancelled', 'qemu-img', '', '', undefined, undefined, true, undefined);
  for (const error of [own, cancelled, AbortSignal.abort().reason as unknown]) {
    expect(explainFailure(error, 'the VM cannot be started', PLACE)).toBe(error);
  }
});
