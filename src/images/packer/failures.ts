import type { FleetError } from '../../model/errors';
import { type BuildPlace, DISK_FULL, explainBuildFailure, type KnownFailure } from '../build-failures';

/** Of a build with Packer. The first that matches counts. */
const PACKER_FAILURES: readonly KnownFailure[] = [
  DISK_FULL,
  {
    pattern: /checksums did not match|checksum mismatch|Checksums? did not match/i,
    code: 'installer-altered',
    problem: 'what was fetched is not the installer that the image declares',
    remedy: () => "correct the sha256 of the image's iso, or fetch from another address, then deploy again",
  },
  {
    // before what is said of the network: this connection is to the machine itself
    pattern: /connecting to VNC/i,
    code: 'installer-console',
    problem: 'the machine that Packer started had no console yet, or has ended',
    remedy: () =>
      "deploy again; where this workstation is busy, give it longer to start (the image's variables, { boot_wait: '30s' })",
  },
  {
    pattern: /error downloading ISO|Download failed|no such host|bad response code|dial tcp|connection refused/i,
    code: 'installer-unreachable',
    problem: 'the installer could not be fetched',
    remedy: () => "check the network, or give the image's iso addresses that answer, then deploy again",
  },
  {
    pattern: /Could not access KVM|failed to initialize kvm|KVM is not available/i,
    code: 'kvm-unusable',
    problem: 'QEMU cannot use KVM here',
    remedy: () => "set the image's variables to { accelerator: 'tcg' }, then deploy again",
  },
  {
    pattern: /vboxdrv|VERR_VM_DRIVER_NOT|Kernel driver not installed/,
    code: 'virtualbox-driver-missing',
    problem: "VirtualBox's kernel driver is not loaded",
    remedy: () =>
      "load it (modprobe vboxdrv; on Debian and Ubuntu after apt-get install virtualbox-dkms), or set the image's builder to 'qemu'",
  },
  {
    pattern: /Timeout waiting for SSH/i,
    code: 'installation-timeout',
    problem: 'the installed system did not answer in time',
    remedy: () =>
      "give it longer (the image's variables, { ssh_timeout: '120m' }), or watch the installation with { headless: 'false' }",
  },
  {
    pattern:
      /Unset variable|Undefined -var variable|A variable was assigned|Invalid (value|template)|Unsupported attribute|Missing required argument/i,
    code: 'packer-variables',
    problem: 'Packer does not accept the variables of the image',
    remedy: () => 'correct the variables; the template lists those that there are',
  },
  {
    pattern: /could not (find|query).*plugin|Error while installing|failed getting the .* plugin/i,
    code: 'packer-plugins',
    problem: 'a plugin of Packer could not be installed',
    remedy: () =>
      'check the network, or run packer init in the directory of the image where there is one, then deploy again',
  },
];

/** Turns the failure of Packer into an error that says what to do. A FleetError stays as it is. */
export function explainPackerFailure(cause: unknown, place: Omit<BuildPlace, 'stage'>): FleetError {
  return explainBuildFailure(cause, { ...place, stage: place.workDirectory }, PACKER_FAILURES);
}
