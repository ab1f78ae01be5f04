import { readFileSync } from 'node:fs';
import { FleetError } from '../../model/errors';
import type { FleetVm } from '../../model/fleet';
import { classifySshFailure } from '../../process/host-key-probe';
import { CommandError, type Run } from '../../process/run';
import type { LoadedFleet } from '../fleet-file';
import { inCheckout } from '../package-root';
import { Connections } from '../ssh/connections';
import { supervisedCommand } from '../ssh/remote-command';
import { collectStatus } from '../status/collect';
import { imageOf } from '../status/image';
import { type PowerReader, readPower } from '../status/power';
import { parseFacts } from './facts';
import type { VmInfo } from './report';

/** Longest that a VM may take to let us in: an emulated one under load needs seconds. */
const CONNECT_SECONDS = 10;

/** Longest that the VM may take for all its answers together. */
const ANSWER_MS = 30_000;

/** What {@link collectInfo} works with. */
export interface InfoTools {
  readonly run: Run;
  readonly environment: NodeJS.ProcessEnv;
  readonly powerReader: PowerReader;
  readonly signal: AbortSignal;
  /** Directory of workspaces on the VM. Default `/build`. */
  readonly workspaceRoot?: string;
}

/**
 * Asks a VM what it is, over one connection.
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
  const { run, signal, workspaceRoot = '/build' } = tools;
  const connections = new Connections(loaded, tools);
  const script = readFileSync(inCheckout('assets/cli/vm-facts.sh'), 'utf8');
  const options = ['-T', '-o', 'BatchMode=yes', '-o', 'LogLevel=ERROR', '-o', `ConnectTimeout=${CONNECT_SECONDS}`];
  const command = supervisedCommand(['bash', '-c', script, 'vm-facts', workspaceRoot]);
  try {
    await connections.open(vm, { timeoutSeconds: CONNECT_SECONDS });
    const { stdout } = await run('ssh', connections.arguments(vm, options, command), { signal, timeout: ANSWER_MS });
    return stdout;
  } catch (error) {
    if (!(error instanceof CommandError) || error.cancelled) throw error;
    throw await notUsable(loaded, vm, tools, error);
  }
}

/** The reason that status finds, else what ssh said. */
async function notUsable(loaded: LoadedFleet, vm: FleetVm, tools: InfoTools, cause: CommandError): Promise<FleetError> {
  const [found] = (await collectStatus(loaded, tools, [vm])).vms;
  const seen = found?.tunnel.state === 'up' ? null : found?.problem;
  const said = classifySshFailure(cause.stderr).detail || (cause.stderr.trim().split('\n').at(-1) ?? '');
  return new FleetError({
    code: 'vm-not-usable',
    problem: seen?.reason ?? `the VM did not answer: ${said === '' ? (cause.message.split('\n')[0] ?? '') : said}`,
    place: vm.id,
    remedy: seen?.remedy ?? `see whether \`ssh ${vm.id}\` lets you in, and what it says`,
    cause,
  });
}
