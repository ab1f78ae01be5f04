import type { ErrorCode } from '../../model/error-codes';
import { FleetError, isFleetError } from '../../model/errors';
import { CommandError } from '../../process/run';
import { LOCKED_CODES, VBoxManageError } from './client';

interface Failure {
  readonly code: ErrorCode;
  readonly problem: string;
  readonly remedy: string;
}

const IMAGE_DAMAGED: Failure = {
  code: 'image-damaged',
  problem: 'the appliance is damaged, was edited or is none',
  remedy: 'remove it from the image cache and deploy again: it is then built anew',
};

/**
 * VirtualBox's codes, which no language changes, and what an operator should do about them. The first that matches
 * counts, so that a lack of the machine comes before VirtualBox's error that follows from it.
 */
const KNOWN: readonly (Failure & { readonly codes: readonly string[] })[] = [
  {
    codes: ['VERR_DISK_FULL', 'ENOSPC', 'EDQUOT'],
    code: 'disk-full',
    problem: 'there is no space left for the VM',
    remedy: 'free some space there (`df -h`), then deploy again',
  },
  {
    codes: ['VERR_ACCESS_DENIED', 'VERR_WRITE_PROTECT', 'EACCES', 'EPERM', 'EROFS'],
    code: 'state-directory-not-writable',
    problem: 'VirtualBox may not write the files of the VM',
    remedy: 'make the state directory writable for this user, or choose another one, then deploy again',
  },
  {
    codes: [
      ...['VERR_ZIP_CORRUPTED', 'VERR_ZIP_ERROR', 'VERR_EOF', 'VERR_NOT_EQUAL', 'VERR_TAR_UNEXPECTED_EOS'],
      ...['VERR_TAR_[A-Z_]+', 'VERR_VD_[A-Z_]+', 'VERR_INTERNAL_ERROR', 'VERR_MANIFEST_[A-Z_]+', 'VERR_XML_[A-Z_]+'],
    ],
    ...IMAGE_DAMAGED,
  },
  {
    codes: ['VERR_ALREADY_EXISTS'],
    code: 'vm-files-in-the-way',
    problem: 'files of another VM are where its own shall be',
    remedy: 'move them away, then deploy again',
  },
  {
    codes: ['VERR_NO_MEMORY', 'VERR_NO_PAGE_MEMORY', 'VERR_NO_LOW_MEMORY', 'NS_ERROR_OUT_OF_MEMORY', 'E_OUTOFMEMORY'],
    code: 'not-enough-memory',
    problem: 'the host has not enough free memory for the VM',
    remedy: 'give the VM less memory, or end something else, then deploy again',
  },
  {
    codes: ['VERR_VMX_IN_VMX_ROOT_MODE', 'VERR_SVM_IN_USE'],
    code: 'virtualization-in-use',
    problem: "another hypervisor, often KVM, has the processor's virtualization",
    remedy: 'end its VMs, or `modprobe -r kvm_intel kvm_amd`, or boot with kvm.enable_virt_at_load=0',
  },
  {
    codes: ['VERR_VMX_[A-Z_]+', 'VERR_SVM_[A-Z_]+'],
    code: 'virtualization-off',
    problem: 'the processor cannot run it',
    remedy: 'switch virtualization (VT-x, AMD-V) on in the firmware of the host',
  },
  {
    codes: ['VERR_INTNET_FLT_IF_NOT_FOUND', 'VERR_INTNET_FLT_IF_BUSY', 'VERR_SUPDRV_COMPONENT_NOT_FOUND'],
    code: 'bridge-adapter-unusable',
    problem: 'its adapter cannot be bridged',
    remedy: 'name another adapter (`VBoxManage list bridgedifs` shows them), then deploy again',
  },
  {
    codes: [...LOCKED_CODES],
    code: 'vm-locked',
    problem: 'another program holds the VM or its disk',
    remedy: "close the VM's settings in VirtualBox, or end the other VBoxManage, then deploy again",
  },
  {
    codes: ['E_ACCESSDENIED', 'VERR_FILE_NOT_FOUND', 'VERR_PATH_NOT_FOUND'],
    code: 'vm-inaccessible',
    problem: 'VirtualBox misses files of the VM',
    remedy: 'put them back, or deploy again: the VM is then replaced',
  },
  {
    codes: ['VBOX_E_OBJECT_NOT_FOUND'],
    code: 'vm-missing',
    problem: 'VirtualBox does not know it',
    remedy: 'deploy again: it is then created',
  },
  {
    codes: ['NS_ERROR_INVALID_ARG', 'E_INVALIDARG'],
    code: 'vm-setting-refused',
    problem: 'VirtualBox refuses a setting',
    remedy: 'correct the value that is named above, then deploy again',
  },
];

const DRIVER_MISSING: Failure = {
  code: 'virtualbox-driver-missing',
  problem: "VirtualBox's kernel driver is not loaded",
  remedy:
    'load it with `modprobe vboxdrv`; where there is none, install virtualbox-dkms and the headers of the running kernel, and mind Secure Boot, which takes signed drivers only; then deploy again',
};

// The start scripts of Debian and of Oracle print it before anything else.
const DRIVER_WARNING = /vboxdrv (kernel module is not loaded|does not exist)|VERR_VM_DRIVER_/;

/**
 * The error to report for a failure of VBoxManage or the file system. What was cancelled stays as it is.
 *
 * @param what lowercase, `the VM cannot be started`
 */
export function explainFailure(error: unknown, what: string, place: string): unknown {
  if (isFleetError(error)) return error;
  if ((error as { name?: unknown } | undefined)?.name === 'AbortError') return error;
  if (error instanceof CommandError && error.cancelled) return error;
  if (error instanceof CommandError && error.code === 'ENOENT') {
    return new FleetError({
      code: 'virtualbox-missing',
      problem: `${what}, because VBoxManage is not installed`,
      place,
      remedy: 'install VirtualBox 7.0 or newer (https://www.virtualbox.org/wiki/Downloads), then deploy again',
      cause: error,
    });
  }
  const said = error instanceof VBoxManageError ? error.text : error instanceof Error ? error.message : String(error);
  const known = isDriverMissing(error)
    ? DRIVER_MISSING
    : (KNOWN.find(({ codes }) => names(said, codes)) ?? unread(error));
  return new FleetError({
    code: known?.code ?? 'virtualbox-failed',
    problem: `${what}${known ? `, because ${known.problem}` : ''}: ${said.trim()}`,
    place,
    remedy: known?.remedy ?? 'read the message above, correct its cause and deploy again',
    cause: error,
  });
}

/** Without the driver everything works but a start, which fails without a word about the cause. */
function isDriverMissing(error: unknown): boolean {
  return error instanceof VBoxManageError && error.command === 'startvm' && DRIVER_WARNING.test(error.output);
}

/** An empty file, for one, has no code of its own. */
function unread(error: unknown): Failure | undefined {
  const isImport = error instanceof VBoxManageError && error.command === 'import';
  return isImport && error.says('VBOX_E_FILE_ERROR') ? IMAGE_DAMAGED : undefined;
}

function names(said: string, codes: readonly string[]): boolean {
  return codes.some((code) => new RegExp(`\\b${code}\\b`).test(said));
}
