import { checkCacheDirectory, checkStateDirectory } from './checks/disk-space';
import { checkKeyring, checkMmdebstrap, checkPacker, checkUserNamespaces, checkXorriso } from './checks/image-building';
import { checkServicePorts, checkTunnelPorts } from './checks/ports';
import { checkAcceleration, checkQemu } from './checks/qemu';
import { checkServiceRunner } from './checks/service-runner';
import { checkHub, checkSshd } from './checks/services';
import { checkSshConfig } from './checks/ssh-config';
import { checkNode, checkTerraform } from './checks/tools';
import { checkBridgeAdapters, checkVirtualBox, checkVirtualBoxDriver } from './checks/virtualbox';
import { checkWslNetworking } from './checks/wsl';
import type { DoctorReport, Finding, Observation } from './finding';
import type { Machine } from './machine';
import type { Subject } from './subject';

/** Looks at one thing. Nothing found means that it does not concern this fleet or this machine. */
type Check = (machine: Machine, subject: Subject) => Observation[] | Promise<Observation[]>;

const CHECKS: readonly (readonly [name: string, check: Check])[] = [
  ['node', checkNode],
  ['terraform', checkTerraform],
  ['qemu', checkQemu],
  ['acceleration', checkAcceleration],
  ['virtualbox', checkVirtualBox],
  ['vboxdrv', checkVirtualBoxDriver],
  ['bridge adapter', checkBridgeAdapters],
  ['packer', checkPacker],
  ['mmdebstrap', checkMmdebstrap],
  ['user namespaces', checkUserNamespaces],
  ['debian keyring', checkKeyring],
  ['xorriso', checkXorriso],
  ['image cache', checkCacheDirectory],
  ['state directory', checkStateDirectory],
  ['ports', checkServicePorts],
  ['tunnel ports', checkTunnelPorts],
  ['sshd', checkSshd],
  ['hub', checkHub],
  ['services', checkServiceRunner],
  ['ssh config', checkSshConfig],
  ['wsl', checkWslNetworking],
];

/** Makes all checks at the same time. Their order is that of the report. */
export async function examine(machine: Machine, subject: Subject): Promise<DoctorReport> {
  const findings = await Promise.all(
    CHECKS.map(async ([check, look]): Promise<Finding[]> =>
      (await look(machine, subject)).map((observation) => ({ check, ...observation })),
    ),
  );
  return {
    formatVersion: 1,
    fleet: subject.fleet === null ? null : subject.name,
    fleetFile: subject.fleet?.file ?? null,
    findings: findings.flat(),
  };
}
