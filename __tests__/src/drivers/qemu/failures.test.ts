import { FleetError } from '../../../../src/model/errors';
import { CommandError } from '../../../../src/process/run';
import { explainFailure, explainText, withoutRemarks } from '../../../../src/drivers/qemu/failures';

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

const ISOLATION: readonly (readonly [string, string])[] = [
  ['unshare: failed to execute pasta: No such file or directory\n', 'pasta-missing'],
  ['unshare: unshare failed: Operation not permitted\n', 'network-isolation-failed'],
  ['unshare: unshare failed: No space left on device\n', 'network-isolation-failed'],
  ["Couldn't create user namespace: Operation not permitted\n", 'network-isolation-failed'],
  ['Failed to open tun socket in namespace\n', 'network-isolation-failed'],
  ['sh: 3: ip: not found\n', 'network-isolation-failed'],
  ['setpriv: failed to execute qemu-system-x86_64: No such file or directory\n', 'qemu-missing'],
];

test.each(ISOLATION)('what makes the namespace says %j', (said, code) => {
  const error = explainText(said, 'the VM cannot be started', PLACE);
  expect(error.code).toBe(code);
  if (code !== 'qemu-missing') expect(error.remedy).toContain("`userNetwork: 'open'`");
});

test('a pasta that is not installed is named, and not QEMU', () => {
  const cause = Object.assign(new Error('spawn pasta ENOENT'), { code: 'ENOENT', syscall: 'spawn pasta' });
  expect(explainFailure(cause, 'the VM cannot be started', PLACE)).toMatchObject({
    ...{ code: 'pasta-missing', cause },
    remedy: expect.stringContaining('apt-get install passt') as string,
  });
});

test('what pasta says where all went well is no part of a failure', () => {
  const remarks = [
    "Failed to send 68 bytes to syslog\nCouldn't write to /proc/self/uid_map: Operation not permitted\n",
    "Failed to send 39 bytes to syslog\nCouldn't configure user mappings\n",
  ];
  expect(withoutRemarks(`${remarks.join('')}qemu: no\n`)).toBe('qemu: no\n');
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
