import { join } from 'node:path';
import { WARM_START_COMMAND } from '../../src/provider/resources/vm/warm-start-command';
import { capabilitySchema } from '../../src/model/capability';
import { vmName } from '../../src/model/names';
import { listProcesses } from '../../src/process/process-identity';
import { readProcessStat } from '../../src/process/process-stat';
import type { StatusReport, VmStatus } from '../../src/cli/status/report';
import { statusReportSchema } from '../../src/cli/status/report';
import type { FleetProject } from './fleet-project';
import { until } from './until';

/** Answers what an operator would look at, for a fleet that a test has deployed. */
export class RunningFleet {
  constructor(readonly project: FleetProject) {}

  async status(): Promise<StatusReport> {
    const { stdout } = await this.project.cli(['status', '--json'], { acceptExitCodes: [0, 1, 4] });
    return statusReportSchema.parse(JSON.parse(stdout));
  }

  async vm(id: string): Promise<VmStatus> {
    const found = (await this.status()).vms.find((vm) => vm.id === id);
    if (found === undefined) throw new Error(`no VM ${id} in the fleet`);
    return found;
  }

  /** Waits until the VM can be used again. */
  async untilUsable(id: string, seconds: number): Promise<VmStatus> {
    const vms = await this.untilAllUsable(seconds, [id]);
    return vms[0]!;
  }

  /** Waits until these VMs, or all, can be used. @returns them, as they were seen at the same time */
  async untilAllUsable(seconds: number, ids?: readonly string[]): Promise<readonly VmStatus[]> {
    let seen: readonly VmStatus[] = [];
    const ask = async () => {
      seen = (await this.status()).vms.filter((vm) => ids?.includes(vm.id) ?? true);
      return seen.length > 0 && seen.every((vm) => vm.usable) && seen;
    };
    return until(() => `usable VMs, instead of ${JSON.stringify(seen)}`, seconds, ask, 1000);
  }

  /** The hub's entries of one VM. */
  async hubEntries(id: string): Promise<readonly { readonly id: string; readonly keywords: readonly string[] }[]> {
    const response = await fetch(`http://127.0.0.1:${this.project.ports.hub}/capability-catalog/`);
    const entries = capabilitySchema.array().parse(await response.json());
    return entries.filter((entry) => entry.keywords.includes(`host:${vmName(id)}`));
  }

  /** QEMU's process id. */
  qemu(id: string): number {
    const pids = processesMatching(
      (argv) => argv[0]?.includes('qemu-system') === true && argv.join(' ').includes(this.project.paths.vm(vmName(id))),
    );
    if (pids.length !== 1) throw new Error(`${pids.length} QEMU processes run ${id}`);
    return pids[0]!;
  }

  /** Process id of the pasta that QEMU's network depends on. */
  pasta(id: string): number {
    return readProcessStat(this.qemu(id))?.parent ?? 0;
  }

  /** Every process that has this fleet's state directory in its arguments: QEMU, sshd, hub, supervisor. */
  processes(): readonly number[] {
    return processesMatching((argv) => argv.some((word) => word.includes(this.project.paths.stateDirectory)));
  }

  /** cdktf, Terraform and providers that work for it now; what a deploy has begun in the background is none of them. */
  deployProcesses(): readonly number[] {
    const output = join(this.project.directory, 'cdktf.out');
    return processesMatching(
      (argv) => argv.some((word) => word.includes(output)) && !argv.includes(WARM_START_COMMAND),
    );
  }

  /** Process ids of everything that a deploy with nothing to change must leave alone. */
  listening(port: number): Promise<boolean> {
    return fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    );
  }
}

/** Ids of the running processes whose argument vector matches. */
export function processesMatching(matches: (argv: readonly string[]) => boolean): readonly number[] {
  return listProcesses()
    .filter(({ argv }) => matches(argv))
    .map(({ pid }) => pid);
}

export function argvsOfProcesses(): readonly (readonly string[])[] {
  return listProcesses().map(({ argv }) => argv);
}
