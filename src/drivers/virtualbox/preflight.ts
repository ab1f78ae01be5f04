import { isFleetError } from '../../model/errors';
import { note, ok, type Observation, problem, type Verdict, warning } from '../../model/finding';
import { ask, isAtLeast, versionIn } from '../../process/ask';
import type { Preflight, PreflightMachine, PreflightSubject } from '../preflight';
import { chooseAdapter } from './adapters';
import { listArguments, VERSION_ARGUMENTS } from './arguments';
import { parseBridgedAdapters, parseVersion } from './output';
import { OLDEST_VERSION } from './requirements';

/** The first version that works beside a KVM which holds the processor's extensions from its start on. */
const SHARES_EXTENSIONS = [7, 2, 2] as const;
/** The first kernel whose KVM does that. */
const HOLDS_EXTENSIONS = [6, 12] as const;
const KVM_PARAMETER = '/sys/module/kvm/parameters/enable_virt_at_load';

/** A missing VirtualBox that no host of the fleet needs gives no further observation. */
async function checkProgram(machine: PreflightMachine, { isNeeded }: PreflightSubject): Promise<Observation[]> {
  const bad = isNeeded ? problem : note;
  const answer = await ask(machine, 'VBoxManage', VERSION_ARGUMENTS);
  const install = `install VirtualBox ${OLDEST_VERSION.join('.')} or newer`;
  if (answer.status === 'missing')
    return isNeeded ? [problem('VBoxManage is not installed', install)] : [note('not installed, and no host needs it')];
  if (answer.status === 'failed') return [bad(`VBoxManage does not work: ${answer.reason}`, `${install} again`)];
  const version = parseVersion(answer.output);
  if (version === undefined) return [bad('VBoxManage does not tell its version', `${install} again`)];
  const name = version.join('.');
  if (!isAtLeast(version, OLDEST_VERSION)) return [bad(`${name} is too old`, install)];
  return [ok(name), ...besideKvm(machine, version, bad)];
}

function besideKvm(machine: PreflightMachine, version: readonly number[], bad: Verdict): Observation[] {
  const kernel = versionIn(machine.kernel) ?? [];
  if (!isAtLeast(kernel, HOLDS_EXTENSIONS) || isAtLeast(version, SHARES_EXTENSIONS)) return [];
  // Absent: KVM is not loaded, or compiled in without the choice.
  if (!/^[Y1]/.test(machine.read(KVM_PARAMETER) ?? '')) return [];
  return [
    bad(
      `VirtualBox ${version.join('.')} cannot start VMs while the KVM of Linux ${machine.kernel} holds the processor's virtualization`,
      `upgrade to VirtualBox ${SHARES_EXTENSIONS.join('.')} or newer, or start Linux with kvm.enable_virt_at_load=0`,
    ),
  ];
}

async function checkKernelDriver(machine: PreflightMachine, { isNeeded }: PreflightSubject): Promise<Observation[]> {
  if (!isNeeded && (await ask(machine, 'VBoxManage', VERSION_ARGUMENTS)).status === 'missing') return [];
  const bad = isNeeded ? problem : note;
  const isLoaded = /^vboxdrv /m.test(machine.read('/proc/modules') ?? '');
  switch (machine.access('/dev/vboxdrv')) {
    case 'missing':
      return [
        isLoaded
          ? bad('vboxdrv is loaded, but there is no /dev/vboxdrv', 'udevadm trigger, or start this machine again')
          : bad(
              'the kernel module vboxdrv is not loaded: VMs can be made, but not started',
              `modprobe vboxdrv; if there is none, apt-get install linux-headers-${machine.kernel} and build it (/sbin/vboxconfig, or dpkg-reconfigure virtualbox-dkms); with Secure Boot it has to be signed`,
            ),
      ];
    // Its set-uid program opens the device for other accounts.
    case 'denied':
    case 'read-only':
    case 'usable':
      return [ok('vboxdrv is loaded')];
  }
}

/** The adapters that the hosts' bridged VMs get. */
async function checkBridgeAdapters(
  machine: PreflightMachine,
  { bridgeAdapters }: PreflightSubject,
): Promise<Observation[]> {
  if (bridgeAdapters.length === 0) return [];
  const answer = await ask(machine, 'VBoxManage', listArguments('bridgeAdapters'));
  if (answer.status === 'missing') return [];
  if (answer.status === 'failed')
    return [
      warning(`network adapters cannot be listed: ${answer.reason}`, 'see what `VBoxManage list bridgedifs` says'),
    ];
  const adapters = parseBridgedAdapters(answer.output.replaceAll('\r\n', '\n'));
  return [...new Set(bridgeAdapters)].map((bridgeAdapter) => {
    try {
      return ok(`bridged VMs use ${chooseAdapter({ name: 'a bridged VM', bridgeAdapter }, adapters)}`);
    } catch (error) {
      if (!isFleetError(error)) throw error;
      const named = bridgeAdapter === null ? '' : `${bridgeAdapter}: `;
      return warning(`${named}${error.problem}`, error.remedy);
    }
  });
}

/** VirtualBox has one switch for all of the loopback, which the way to the relay needs. */
function checkNat(_machine: PreflightMachine, { natHosts }: PreflightSubject): Observation[] {
  return natHosts.map(({ id }) =>
    warning(
      `VMs of ${id} reach every service of this workstation's loopback and addresses`,
      "give the host network: 'bridged', and services of the workstation a firewall or a password",
    ),
  );
}

export const preflight: Preflight = {
  virtualbox: checkProgram,
  vboxdrv: checkKernelDriver,
  'bridge adapter': checkBridgeAdapters,
  nat: checkNat,
};
