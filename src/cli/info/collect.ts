import { readFileSync } from 'node:fs';
import { FleetError } from '../../model/errors';
import type { FleetVm } from '../../model/fleet';
import type { Run } from '../../process/run';
import { SshFailure } from '../../ssh/failure';
import type { LoadedFleet } from '../fleet-file';
import { inCheckout } from '../package-root';
import { Connections } from '../ssh/connections';
import { supervisedCommand } from '../ssh/remote-command';
import { collectStatus } from '../status/collect';
import { imageOf } from '../status/image';
import { type PowerReader, readPower } from '../status/power';
import { parseFacts } from './facts';
import type { VmInfo } from './report';

/** Longest that the VM may take for all its answers together. */
const ANSWER_MS = 30_000;

/** Tools of {@link collectInfo}. */
export interface InfoTools {
  readonly run: Run;
  readonly environment: NodeJS.ProcessEnv;
  readonly powerReader: PowerReader;
  readonly signal: AbortSignal;
  /** Directory of workspaces on the VM. Default `/build`. */
  readonly workspaceRoot?: string;
}

/**
 * Reads the facts of a VM, over one connection.
 *
 * @throws FleetError `vm-not-usable` when it cannot be asked, with the reason that status gives
 */
export async function collectInfo(loaded: LoadedFleet, vm: FleetVm, tools: InfoTools): Promise<VmInfo> {
  const { fleet } = loaded;
  const [output, machine] = await Promise.all([askVm(loaded, vm, tools), readPower(tools.powerReader, vm)]);
  const { user, ...facts } = parseFacts(output);
  return {
    formatVersion: 1,
    ...{ id: vm.id, name: vm.name, aliases: vm.aliases, host: vm.host },
    hypervisor: fleet.hosts.find(({ id }) => id === vm.host)?.hypervisor ?? 'unknown',
    ...facts,
    image: imageOf(fleet, vm, machine.image, new Date()),
    ports: { tunnel: vm.tunnelPort },
    login: { command: `ssh ${vm.id}`, user, key: fleet.workstation.developerKey },
  };
}

async function askVm(loaded: LoadedFleet, vm: FleetVm, tools: InfoTools): Promise<string> {
  const { workspaceRoot = '/build' } = tools;
  const connections = new Connections(loaded, tools);
  const script = readFileSync(inCheckout('assets/cli/vm-facts.sh'), 'utf8');
  const command = supervisedCommand(['bash', '-c', script, 'vm-facts', workspaceRoot]);
  try {
    await connections.open(vm);
    return (await connections.run(vm, { what: 'info', command, timeout: ANSWER_MS })).stdout;
  } catch (error) {
    if (!(error instanceof SshFailure)) throw error;
    throw await notUsable(loaded, vm, tools, error);
  }
}

/** The reason that status finds, else what ssh said. */
async function notUsable(loaded: LoadedFleet, vm: FleetVm, tools: InfoTools, cause: SshFailure): Promise<FleetError> {
  const [found] = (await collectStatus(loaded, tools, [vm])).vms;
  const seen = found?.tunnel.state === 'up' ? null : found?.problem;
  return new FleetError({
    code: 'vm-not-usable',
    problem: seen?.reason ?? `the VM did not answer: ${cause.said || cause.message}`,
    place: vm.id,
    remedy: seen?.remedy ?? `see whether \`ssh ${vm.id}\` lets you in, and what it says`,
    cause,
  });
}
