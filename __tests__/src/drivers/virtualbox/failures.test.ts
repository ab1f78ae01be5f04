import { VBoxManageError } from '../../../../src/drivers/virtualbox/client';
import { explainFailure } from '../../../../src/drivers/virtualbox/failures';
import { CommandError } from '../../../../src/process/run';

const codeOf = (command: string, text: string, output = text) =>
  (explainFailure(new VBoxManageError(command, text, output), 'it cannot be done', 'vm') as { code: string }).code;

// Texts of VirtualBox 7.2.22_Debianr175245.
test.each([
  ['import', "VMDK: cannot write allocated data block in '/x' (VERR_DISK_FULL); VBOX_E_FILE_ERROR", 'disk-full'],
  ['import', 'Digest mismatch (VERR_NOT_EQUAL); code VBOX_E_FILE_ERROR (0x80bb0004)', 'image-damaged'],
  ['import', 'Appliance read failed; code VBOX_E_FILE_ERROR (0x80bb0004)', 'image-damaged'],
  ['import', "could not create new file '/x' (VERR_ALREADY_EXISTS); VBOX_E_FILE_ERROR", 'vm-files-in-the-way'],
  ['modifyvm', 'The object functionality is limited; code E_ACCESSDENIED (0x80070005)', 'vm-inaccessible'],
  ['modifyvm', 'Invalid memory size: 1 MB; code NS_ERROR_INVALID_ARG (0x80070057)', 'vm-setting-refused'],
  ['modifyvm', "Could not find a registered machine named 'x'; VBOX_E_OBJECT_NOT_FOUND", 'vm-missing'],
  ['modifyvm', 'already has a lock request pending; VBOX_E_INVALID_OBJECT_STATE', 'vm-locked'],
  ['startvm', 'VT-x is being used by another hypervisor (VERR_VMX_IN_VMX_ROOT_MODE)', 'virtualization-in-use'],
  ['startvm', 'VT-x is disabled in the BIOS (VERR_VMX_MSR_ALL_VMX_DISABLED)', 'virtualization-off'],
  ['startvm', 'Failed to open/create the internal network (VERR_INTNET_FLT_IF_NOT_FOUND)', 'bridge-adapter-unusable'],
  ['startvm', 'something new', 'virtualbox-failed'],
])('%s: %s', (command, text, code) => {
  expect(codeOf(command, text)).toBe(code);
});

test.each([
  ['Debian', 'WARNING: The character device /dev/vboxdrv does not exist.\n'],
  ['Oracle', 'WARNING: The vboxdrv kernel module is not loaded. Either there is no module\n'],
])('a start without the kernel driver, as the start script of %s tells it', (_vendor, warning) => {
  const text = "The virtual machine 'x' has terminated unexpectedly during startup with exit code 1 (0x1)";
  expect(codeOf('startvm', text, warning + text)).toBe('virtualbox-driver-missing');
  // Everything else works without the driver, and the warning is printed all the same.
  expect(codeOf('modifyvm', 'something new', `${warning}something new`)).toBe('virtualbox-failed');
});

test('what was cancelled stays as it is', () => {
  const cancelled = new CommandError('cancelled', 'VBoxManage', '', '', undefined, undefined, true, undefined);
  expect(explainFailure(cancelled, 'x', 'vm')).toBe(cancelled);
});
