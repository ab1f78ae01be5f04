import { homedir } from 'node:os';
import { join } from 'node:path';
import { createHubClient, type HubClient } from '../../hub/client';
import { instanceTitle } from '../../model/capability';
import { FleetError } from '../../model/errors';
import { DEFAULT_CACHE_DIRECTORY, defaultStateDirectory, expandHome, FleetPaths } from '../../model/paths';
import type { Planned, State } from '../../model/resource-shape';
import { vmShape } from '../../model/resources/vm';
import { run, type Run } from '../../process/run';
import { createDriver } from '../drivers';
import type { HypervisorDriver, VmObservation, VmSpec } from '../drivers/driver';
import { writeSeedIso } from '../drivers/seed-iso';
import type { ApplyContext, Resource, ResourceContext } from '../plugin/resource';
import type { ProviderSettings } from './settings';
import {
  lastHeartbeat,
  LOCAL_PORTS,
  type PortView,
  type Readiness,
  requireFreePort,
  waitUntilReady,
} from './vm/readiness';
import { freshMetaData, type VmSeed, vmSeed } from './vm/seed';
import { readSeedRecord, writeSeedRecord } from './vm/seed-record';
import { vmUuid } from './vm/vm-uuid';

type VmPlan = Planned<typeof vmShape>;
type VmState = State<typeof vmShape>;
type VmContext = ApplyContext<typeof vmShape>;

/** What the handler is built from. */
export interface VmServices {
  readonly fleet: string;
  readonly paths: FleetPaths;
  readonly run: Run;
  readonly driver: (hypervisor: VmState['hypervisor']) => HypervisorDriver;
  readonly ports: PortView;
  readonly hub: (url: string) => Pick<HubClient, 'list' | 'ensureAbsent'>;
}

/** Seconds that a guest has to power off before its hardware or seed changes. */
const STOP_GRACE = 90;

/** Stands for the image of a VM whose base disk is another one now; no definition hash looks like it. */
const ALTERED_IMAGE = 'altered';

/** The handler as the provider serves it. @throws FleetError when the provider block names no fleet. */
export function vmResource(settings: ProviderSettings): Resource<typeof vmShape> {
  const { fleet } = settings;
  if (fleet === null) {
    throw new FleetError({
      code: 'fleet-not-named',
      problem: 'the provider does not know which fleet its VMs belong to',
      remedy: 'set `fleet` in the provider block',
    });
  }
  const paths = new FleetPaths(expandHome(settings.stateDirectory ?? defaultStateDirectory(fleet), homedir()));
  const cacheDirectory = expandHome(settings.cacheDirectory ?? DEFAULT_CACHE_DIRECTORY, homedir());
  const drivers = new Map<string, HypervisorDriver>();
  return new VmResource({
    fleet,
    paths,
    run,
    ports: LOCAL_PORTS,
    driver: (hypervisor) => {
      const driver = drivers.get(hypervisor) ?? createDriver(hypervisor, { paths, cacheDirectory, run });
      drivers.set(hypervisor, driver);
      return driver;
    },
    hub: (url) => createHubClient({ url }),
  });
}

/** VMs, whatever runs them: brings one from whatever an earlier attempt left to where the plan wants it. */
export class VmResource implements Resource<typeof vmShape> {
  readonly shape = vmShape;

  constructor(private readonly services: VmServices) {}

  async create(planned: VmPlan, context: VmContext): Promise<VmState> {
    return this.cancellable(planned.name, context, async () => {
      const uuid = planned.id ?? vmUuid({ ...planned, ...planned.identity, fleet: this.services.fleet });
      const spec = this.spec(planned, uuid);
      const driver = this.services.driver(planned.hypervisor);
      const leftover = await driver.inspect(planned.name);
      // Ours, but of an older image or identity: its deletion was interrupted, or the Terraform state is lost.
      if (leftover?.fleet === spec.fleet && leftover.uuid !== uuid) {
        context.log.info('removing a leftover VM', { vm: planned.name, uuid: leftover.uuid });
        await driver.destroy({ ...spec, uuid: leftover.uuid }, context.signal);
      }
      await driver.create(spec, context.signal);
      context.keep({ ...planned, id: uuid, powerState: 'stopped', seed: 'removed' });
      return this.converge(planned, spec, context);
    });
  }

  async update(_prior: VmState, planned: VmPlan, context: VmContext): Promise<VmState> {
    const { id } = planned;
    // Gone since the plan was made: what is created now is the same VM.
    if (id === undefined || !(await this.observe(planned))) return this.create(planned, context);
    return this.cancellable(planned.name, context, () => this.converge(planned, this.spec(planned, id), context));
  }

  async read(state: VmState): Promise<VmState | null> {
    const observed = await this.observe(state);
    if (!observed) return null;
    this.requireOurs(observed);
    // Another VM of ours stands in its place: this one is gone.
    if (observed.uuid !== state.id) return null;
    return {
      ...state,
      imageHash: observed.imageHash ?? ALTERED_IMAGE,
      imagePath: observed.imagePath,
      cpus: observed.cpus,
      memoryMib: observed.memoryMib,
      mac: observed.mac,
      powerState: observed.power,
      seed: observed.seedAttached ? 'attached' : 'removed',
    };
  }

  async delete(state: VmState, context: ResourceContext): Promise<void> {
    const { name, id, hub } = state;
    await this.cancellable(name, context, async () => {
      const driver = this.services.driver(state.hypervisor);
      const observed = await driver.inspect(name);
      if (observed && (observed.fleet !== this.services.fleet || observed.uuid !== id)) {
        context.warn(`${name} is gone already`, `Another VM has its name now and was left alone: ${observed.uuid}.`);
        return;
      }
      // The disk goes with the VM, so nothing in the guest is worth a wait for its shutdown.
      await driver.destroy({ name, uuid: id, fleet: this.services.fleet }, context.signal);
      await this.removeEntry(name, hub, context);
    });
  }

  async import(name: string): Promise<VmState> {
    const observed = await this.services.driver('qemu').inspect(name);
    const told = readSeedRecord(this.services.paths.vm(name));
    if (!observed || !told) {
      throw new FleetError({
        code: 'vm-not-importable',
        problem: observed ? 'the VM never got its seed' : 'there is no VM of this name',
        value: name,
        remedy:
          'import by the name of a VM in the state directory, such as haskell-build-alpha, or deploy to create it',
      });
    }
    this.requireOurs(observed);
    const { identity, tunnelPort, relay, hub, developerPublicKeys, heartbeatSeconds } = told;
    const { cpus, memoryMib, mac, imagePath, uuid } = observed;
    return {
      ...{ name, hypervisor: 'qemu', imageHash: observed.imageHash ?? ALTERED_IMAGE, imagePath, cpus, memoryMib, mac },
      ...{ identity, tunnelPort, relay, hub, developerPublicKeys, heartbeatSeconds },
      readyTimeoutSeconds: vmShape.attributes.readyTimeoutSeconds.default as number,
      powerState: observed.power,
      seed: observed.seedAttached ? 'attached' : 'removed',
      id: uuid,
    };
  }

  private async converge(planned: VmPlan, spec: VmSpec, context: VmContext): Promise<VmState> {
    const { signal, log } = context;
    const { name } = planned;
    const driver = this.services.driver(planned.hypervisor);
    const seed = vmSeed(this.services.paths, planned);
    const observed = await driver.inspect(name);
    const isSeedNew = readSeedRecord(this.services.paths.vm(name))?.digest !== seed.digest;
    const isHardwareNew = observed === null || differs(observed, spec);
    if ((isSeedNew || isHardwareNew) && observed !== null && observed.power !== 'stopped') {
      log.info('stopping the VM', { vm: name, hardware: isHardwareNew, seed: isSeedNew });
      await driver.stop(spec, observed.power === 'crashed' ? 0 : STOP_GRACE, signal);
    }
    if (isHardwareNew) await driver.update(spec, signal);
    if (isSeedNew) await this.attachSeed(planned, spec, seed, driver, signal);
    requireFreePort(name, planned.tunnelPort, this.services.ports);
    const boots = isSeedNew || isHardwareNew || observed.power === 'stopped' || observed.power === 'crashed';
    const hub = this.services.hub(planned.hub.url);
    const earlierHeartbeat = boots ? await lastHeartbeat(name, hub, planned.hub, signal) : null;
    log.info('starting the VM', { vm: name });
    await driver.start(spec, signal);
    await this.waitUntilReady(planned, { seed, driver, hub, earlierHeartbeat }, context);
    await driver.removeSeed(spec, signal);
    await driver.confirmBoot(spec, signal);
    log.info('the VM is ready', { vm: name });
    return { ...planned, id: spec.uuid, powerState: 'running', seed: 'removed' };
  }

  private async attachSeed(
    planned: VmPlan,
    spec: VmSpec,
    seed: VmSeed,
    driver: HypervisorDriver,
    signal: AbortSignal,
  ): Promise<void> {
    const { name } = planned;
    const directory = this.services.paths.vm(name);
    const { instanceId, metaData } = freshMetaData(name, seed.digest);
    const path = join(directory, 'seed.new.iso');
    await writeSeedIso({ userData: seed.userData, metaData, path, run: this.services.run, signal });
    await driver.attachSeed(spec, path, signal);
    const { identity, tunnelPort, relay, hub, developerPublicKeys, heartbeatSeconds } = planned;
    const told = { identity, tunnelPort, relay, hub, developerPublicKeys, heartbeatSeconds };
    writeSeedRecord(directory, { formatVersion: 1, digest: seed.digest, instanceId, ...told });
  }

  private waitUntilReady(
    planned: VmPlan,
    { seed, ...found }: Pick<Readiness, 'hub' | 'driver' | 'earlierHeartbeat'> & { readonly seed: VmSeed },
    context: VmContext,
  ): Promise<void> {
    const { name, tunnelPort, readyTimeoutSeconds } = planned;
    return waitUntilReady({
      ...found,
      name,
      tunnelPort,
      hostPublicKey: seed.hostPublicKey,
      directory: this.services.paths.vm(name),
      hubQuery: { domain: planned.hub.domain, capabilityType: planned.hub.capabilityType },
      ports: this.services.ports,
      run: this.services.run,
      log: context.log,
      signal: context.signal,
      timeoutSeconds: readyTimeoutSeconds,
    });
  }

  /** Best effort: the hub may be down or gone, or know no DELETE. */
  private async removeEntry(name: string, hub: VmState['hub'], context: ResourceContext): Promise<void> {
    const entry = { domain: hub.domain, capability_type: hub.capabilityType, title: instanceTitle(name) };
    try {
      const { left } = await this.services.hub(hub.url).ensureAbsent(entry, { signal: context.signal });
      if (left.length > 0) context.log.warn('the hub cannot delete entries', { vm: name, entries: left });
    } catch (error) {
      context.log.warn('the hub entry was not removed', { vm: name, reason: String(error) });
    }
  }

  private observe({ name, hypervisor }: Pick<VmState, 'name' | 'hypervisor'>): Promise<VmObservation | null> {
    return this.services.driver(hypervisor).inspect(name);
  }

  private requireOurs(observed: VmObservation): void {
    if (observed.fleet === this.services.fleet) return;
    throw new FleetError({
      code: 'vm-not-ours',
      problem: `a VM of this name belongs to fleet ${observed.fleet ?? '(none)'}`,
      place: observed.name,
      remedy: 'give the VM another name, or this fleet a state directory of its own',
      attribute: 'name',
    });
  }

  private spec(planned: VmPlan, uuid: string): VmSpec {
    const { name, imagePath, imageHash, cpus, memoryMib, mac } = planned;
    return { name, uuid, fleet: this.services.fleet, imagePath, imageHash, cpus, memoryMib, mac };
  }

  /** Says what happens next when the operator pressed Ctrl-C, instead of how a wait ends. */
  private async cancellable<T>(name: string, context: ResourceContext, body: () => Promise<T>): Promise<T> {
    try {
      return await body();
    } catch (error) {
      if (!context.signal.aborted || error instanceof FleetError) throw error;
      throw new FleetError({
        code: 'cancelled',
        problem: 'the work on the VM was cancelled',
        place: name,
        remedy: 'deploy again: it goes on from what is there',
        cause: error,
      });
    }
  }
}

function differs(observed: VmObservation, spec: VmSpec): boolean {
  return (['cpus', 'memoryMib', 'mac', 'imagePath'] as const).some((key) => observed[key] !== spec[key]);
}
