import { preflightOf } from '../../drivers';
import type { Observation } from '../../model/finding';
import { hypervisorSchema } from '../../model/hypervisor';
import { checkCacheDirectory, checkStateDirectory } from './checks/disk-space';
import { checkKeyring, checkMmdebstrap, checkPacker, checkUserNamespaces, checkXorriso } from './checks/image-building';
import { checkLogin } from './checks/login';
import { checkServicePorts, checkTunnelPorts } from './checks/ports';
import { checkServiceRunner } from './checks/service-runner';
import { checkHub, checkSshd } from './checks/services';
import { checkSshConfig } from './checks/ssh-config';
import { checkSshNames } from './checks/ssh-names';
import { checkNode, checkNodeModules, checkTerraform } from './checks/tools';
import { checkWslNetworking } from './checks/wsl';
import type { DoctorReport, Finding } from './finding';
import { needsHypervisor } from './images';
import type { Machine } from './machine';
import type { Subject } from './subject';

/** Looks at one thing. Nothing found means that it does not concern this fleet or this machine. */
type Check = (machine: Machine, subject: Subject) => Observation[] | Promise<Observation[]>;

type NamedCheck = readonly [name: string, check: Check];

const CHECKS: readonly NamedCheck[] = [
  ['node', checkNode],
  ['node_modules', checkNodeModules],
  ['terraform', checkTerraform],
  ...hypervisorChecks(),
  ['packer', checkPacker],
  ['mmdebstrap', checkMmdebstrap],
  ['user namespaces', checkUserNamespaces],
  ['debian keyring', checkKeyring],
  ['xorriso', checkXorriso],
  ['image cache', checkCacheDirectory],
  ['state directory', checkStateDirectory],
  ['ports', checkServicePorts],
  ['tunnel ports', checkTunnelPorts],
  ['login', checkLogin],
  ['sshd', checkSshd],
  ['hub', checkHub],
  ['services', checkServiceRunner],
  ['ssh config', checkSshConfig],
  ['ssh names', checkSshNames],
  ['wsl', checkWslNetworking],
];

function hypervisorChecks(): NamedCheck[] {
  return hypervisorSchema.options.flatMap((hypervisor) =>
    Object.entries(preflightOf(hypervisor)).map(([name, check]): NamedCheck => [
      name,
      (machine, subject) => {
        const { bridgeAdapters, cacheDirectory } = subject;
        const natHosts = subject.natHosts.filter((host) => host.hypervisor === hypervisor);
        return check(machine, {
          isNeeded: needsHypervisor(machine, subject, hypervisor),
          bridgeAdapters,
          natHosts,
          cacheDirectory,
        });
      },
    ]),
  );
}

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
