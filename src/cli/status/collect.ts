import { describePortOwner, listenersOn, portOwner } from '../../process/port-owner';
import type { Run } from '../../process/run';
import type { FleetVm } from '../../model/fleet';
import type { LoadedFleet } from '../fleet-file';
import { type Findings, diagnose } from './diagnose';
import { askHubForEntries, factsOf, type HubAnswer, hubEntryOf } from './hub-entries';
import { imageOf, type VmImage } from './image';
import { notesOn } from './notes';
import { type PowerReader, readPower } from './power';
import { probeTunnel } from './probe';
import type { Power, StatusReport, Tunnel, VmStatus } from './report';

/** Tools of {@link collectStatus}. */
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
  const hub = askHubForEntries(loaded, tools.signal);
  // The programs are started first, so that work in this process costs no time.
  const probes = vms.map((vm) => ({ vm, tunnel: probeTunnel(loaded, vm, hub, tools) }));
  const statuses = await Promise.all(
    probes.map(async (probe) => {
      const [machine, tunnel, answer] = await Promise.all([readPower(tools.powerReader, probe.vm), probe.tunnel, hub]);
      return vmStatus(loaded, probe.vm, tools, { ...machine, tunnel, hub: answer });
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

/** Observations of one VM. */
interface Seen {
  readonly power: Power;
  readonly image: VmImage | null;
  readonly tunnel: Tunnel;
  readonly hub: HubAnswer;
}

function vmStatus(
  loaded: LoadedFleet,
  vm: FleetVm,
  tools: StatusTools,
  { power, image: found, tunnel, hub }: Seen,
): VmStatus {
  const now = new Date();
  const [hubEntry, facts] = [hubEntryOf(hub, vm, now), factsOf(hub, vm, now)];
  const image = imageOf(loaded.fleet, vm, found, now);
  const consoleLog = tools.powerReader.consoleLog(vm);
  const problem = diagnose({
    fleet: loaded.fleet.fleet,
    tunnelPort: vm.tunnelPort,
    power,
    tunnel,
    hubEntry,
    hub,
    consoleLog,
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
    facts,
    image,
    login: `ssh ${vm.id}`,
    usable: problem === null,
    problem,
    notes:
      problem === null
        ? notesOn({ fleet: loaded.fleet.fleet, vm: vm.id, tunnel, hubEntry, facts, image, consoleLog })
        : [],
  };
}

/** Facts that explain a tunnel that is down; too slow to be read for every VM. */
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
