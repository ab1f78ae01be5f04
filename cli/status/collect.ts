import { probeHostKey } from '../../process/host-key-probe';
import { describePortOwner, listenersOn, portOwner } from '../../process/port-owner';
import type { Run } from '../../process/run';
import type { FleetVm } from '../../model/fleet';
import type { LoadedFleet } from '../fleet-file';
import { type Findings, diagnose } from './diagnose';
import { askHubForEntries, type HubAnswer, hubEntryOf } from './hub-entries';
import { type PowerReader, readPower } from './power';
import type { Power, StatusReport, Tunnel, VmStatus } from './report';

/** Longest that the sshd of a VM may take to show its host key. */
const PROBE_SECONDS = 2;

/** What {@link collectStatus} works with. */
export interface StatusTools {
  readonly run: Run;
  readonly powerReader: PowerReader;
  readonly signal: AbortSignal;
}

/** Looks at every VM and at the hub, all at the same time. A VM or hub that does not answer is part of the report. */
export async function collectStatus(
  loaded: LoadedFleet,
  tools: StatusTools,
  vms: readonly FleetVm[] = loaded.fleet.vms,
): Promise<StatusReport> {
  const { fleet } = loaded;
  // The programs are started before our own work is done, which then costs nothing.
  const probes = vms.map((vm) => ({ vm, tunnel: probeTunnel(loaded, vm, tools) }));
  const hub = askHubForEntries(fleet.hub, tools.signal);
  const statuses = await Promise.all(
    probes.map(async (probe) => {
      const [power, tunnel, answer] = await Promise.all([readPower(tools.powerReader, probe.vm), probe.tunnel, hub]);
      return vmStatus(loaded, probe.vm, tools, { power, tunnel, hub: answer });
    }),
  );
  const { url, reachable, detail } = await hub;
  return {
    formatVersion: 1,
    fleet: fleet.fleet,
    fleetFile: loaded.file,
    hub: { url, reachable, detail },
    vms: statuses,
  };
}

function probeTunnel(loaded: LoadedFleet, vm: FleetVm, { run, signal }: StatusTools): Promise<Tunnel> {
  return probeHostKey(run, ['-F', loaded.sshConfig, '--', vm.name], { timeoutSeconds: PROBE_SECONDS, signal });
}

function vmStatus(
  loaded: LoadedFleet,
  vm: FleetVm,
  tools: StatusTools,
  { power, tunnel, hub }: { readonly power: Power; readonly tunnel: Tunnel; readonly hub: HubAnswer },
): VmStatus {
  const hubEntry = hubEntryOf(hub, vm, new Date());
  const problem = diagnose({
    fleet: loaded.fleet.fleet,
    tunnelPort: vm.tunnelPort,
    power,
    tunnel,
    hubEntry,
    hub,
    consoleLog: tools.powerReader.consoleLog(vm),
    ...localFindings(loaded, vm, tunnel),
  });
  return {
    id: vm.id,
    name: vm.name,
    aliases: vm.aliases,
    default: vm.default,
    host: vm.host,
    tunnelPort: vm.tunnelPort,
    power,
    tunnel,
    hubEntry,
    login: `ssh ${vm.id}`,
    usable: problem === null,
    problem,
  };
}

/** What helps to explain a tunnel that is not up, and costs too much to be asked otherwise. */
function localFindings(
  loaded: LoadedFleet,
  vm: FleetVm,
  tunnel: Tunnel,
): Pick<Findings, 'sshdListens' | 'sshdPort' | 'portOwner'> {
  const { sshdPort } = loaded.fleet.workstation;
  const owner = tunnel.state === 'not-ssh' || tunnel.state === 'wrong-host-key' ? portOwner(vm.tunnelPort) : null;
  return {
    sshdPort,
    sshdListens: tunnel.state !== 'closed' || listenersOn(sshdPort).length > 0,
    portOwner: owner === null ? '' : describePortOwner(owner),
  };
}
