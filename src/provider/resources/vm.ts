import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { valueOrRebuild, valueOrRefusal } from '../../files/record';
import { createHubClient, type HubClient } from '../../hub/client';
import { instanceTitle } from '../../model/capability';
import { FleetError, isFleetError } from '../../model/errors';
import { defaultStateDirectory, expandHome, FleetPaths } from '../../model/paths';
import { type NetworkKind } from '../../model/hypervisor';
import { DEFAULT_CACHE_DIRECTORY, DEFAULT_USER_NETWORK } from '../../model/defaults';
import type { Planned, State } from '../../model/resource-shape';
import { vmShape } from '../../model/resources/vm';
import { hold, type Hold } from '../../process/held';
import { run, type Run } from '../../process/run';
import { createDriver } from '../../drivers';
import type { HypervisorDriver, VmObservation, VmSpec, WarmStartSubject } from '../../drivers/driver';
import type { HypervisorFeatures } from '../../drivers/features';
import { writeSeedIso } from '../../drivers/seed-iso';
import type { ApplyContext, Resource, ResourceContext } from '../plugin/resource';
import type { ProviderSettings } from './settings';
import { reviveServices } from '../services/runners';
import { bootUntilReady } from './vm/boot';
import { deadTunnel, isDeadTunnel, tunnelCameBack } from './vm/dead-tunnel';
import { whileDrained } from './vm/drain';
import { deployedDeveloperKey } from './vm/deployed-fleet';
import {
  lastHeartbeat,
  LOCAL_PORTS,
  type PortView,
  type Readiness,
  requireFreePort,
  waitUntilReady,
} from './vm/readiness';
import { freshMetaData, type VmSeed, vmSeed } from './vm/seed';
import { seedRecord } from './vm/seed-record';
import { vmUuid } from './vm/vm-uuid';
import { prepareInBackground } from './vm/warm-start-job';

type VmPlan = Planned<typeof vmShape>;
type VmState = State<typeof vmShape>;
type VmContext = ApplyContext<typeof vmShape>;

/** Dependencies of the handler. */
export interface VmServices {
  readonly fleet: string;
  readonly paths: FleetPaths;
  readonly run: Run;
  readonly hold: Hold;
  /** Text of `assets/cli/drain.sh`. */
  readonly drainScript: string;
  readonly driver: (hypervisor: VmState['hypervisor']) => HypervisorDriver;
  readonly ports: PortView;
  readonly hub: (url: string) => Pick<HubClient, 'list' | 'ensureAbsent'>;
  /** Makes what later VMs like this one are started warm from, without a wait for it. */
  readonly prepareWarmStart: (hypervisor: VmState['hypervisor'], subject: WarmStartSubject) => Promise<void>;
  /** As {@link Readiness.reviveServices}. */
  readonly reviveServices: () => Promise<boolean>;
}

/** Text of `assets/cli/drain.sh`, set while bundling: the checkout may be gone when a VM is stopped. */
declare const DRAIN_SCRIPT: string;

/** Seconds that a guest has to power off before its hardware or seed changes, or its tunnel is opened anew. */
const STOP_GRACE = 90;

/** The problem of a VM whose creation was interrupted by the operator. */
const CANCELLED = 'the work on the VM was cancelled';

/** Stands for the image of a VM whose base disk is another one now; no definition hash looks like it. */
const ALTERED_IMAGE = 'altered';

/** The handler as the provider serves it. */
export function vmResource(settings: ProviderSettings): Resource<typeof vmShape> {
  const { fleet } = settings;
  const paths = new FleetPaths(expandHome(settings.stateDirectory ?? defaultStateDirectory(fleet), homedir()));
  const cacheDirectory = expandHome(settings.cacheDirectory ?? DEFAULT_CACHE_DIRECTORY, homedir());
  const drivers = new Map<string, HypervisorDriver>();
  return new VmResource({
    fleet,
    paths,
    run,
    hold,
    drainScript: DRAIN_SCRIPT,
    ports: LOCAL_PORTS,
    driver: (hypervisor) => {
      const driver = drivers.get(hypervisor) ?? createDriver(hypervisor, { paths, cacheDirectory, run });
      drivers.set(hypervisor, driver);
      return driver;
    },
    hub: (url) => createHubClient({ url, services: paths.services }),
    prepareWarmStart: (hypervisor, subject) => prepareInBackground({ hypervisor, cacheDirectory, subject }),
    reviveServices: () => reviveServices(paths),
  });
}

/** VMs of every hypervisor: brings a VM from the state that an earlier attempt left to the planned one. */
export class VmResource implements Resource<typeof vmShape> {
  readonly shape = vmShape;

  constructor(private readonly services: VmServices) {}

  async create(planned: VmPlan, context: VmContext): Promise<VmState> {
    return this.cancellable(planned.name, context, async () => {
      const uuid = planned.id ?? vmUuid({ ...planned, ...planned.identity, fleet: this.services.fleet });
      const spec = this.spec(planned, uuid);
      const driver = this.services.driver(planned.hypervisor);
      const leftover = await driver.inspect(planned.name);
      // This fleet's, but of an older image or identity: its deletion was interrupted, or the Terraform state is lost.
      if (leftover?.fleet === spec.fleet && leftover.uuid !== uuid) {
        context.progress.step('removing what is left of an earlier VM');
        context.log.info('removing a leftover VM', { vm: planned.name, uuid: leftover.uuid });
        await this.whileDrained(leftover, planned, planned, context, () =>
          driver.destroy({ ...spec, uuid: leftover.uuid }, context.signal),
        );
      }
      // known problems are reported before anything is made
      requireFreePort(planned.name, planned.tunnelPort, this.services.ports);
      vmSeed(this.services.paths, planned);
      context.progress.step('making disk and definition');
      await driver.create(spec, context.signal);
      const made: VmState = { ...planned, id: uuid, powerState: 'stopped', seed: 'removed', problem: '' };
      context.keep(made);
      return this.convergeFirst(made, spec, context);
    });
  }

  async update(prior: VmState, planned: VmPlan, context: VmContext): Promise<VmState> {
    const { id } = planned;
    // Gone since the plan was made: what is created now is the same VM.
    const found = id === undefined ? null : await this.observe(planned);
    if (id === undefined || !found) return this.create(planned, context);
    return this.cancellable(planned.name, context, async () => {
      const spec = this.spec(planned, id);
      // A guest that did not come up in its time, or lost its tunnel, is started again instead of getting more time.
      if (
        !['', CANCELLED].includes(prior.problem) &&
        !(await tunnelCameBack(prior, this.services.ports, context.signal))
      ) {
        const driver = this.services.driver(planned.hypervisor);
        const grace = isDeadTunnel(prior.problem) ? STOP_GRACE : 0;
        await this.whileDrained(found, prior, planned, context, () => driver.stop(spec, grace, context.signal));
      }
      return this.converge(planned, spec, context, prior);
    });
  }

  /**
   * Terraform deletes an object whose creation failed, and the work with it. So a VM that is there and does not become
   * ready is a success with a problem, which the stack's postcondition makes an error; the next deploy updates the VM.
   */
  private async convergeFirst(made: VmState, spec: VmSpec, context: VmContext): Promise<VmState> {
    try {
      return await this.converge(made, spec, context);
    } catch (error) {
      if (!isFleetError(error) && !context.signal.aborted) throw error;
      const problem = context.signal.aborted ? CANCELLED : (error as FleetError).message;
      context.warn(`${made.name} is there and not ready`, `${problem}\n\nThe next deploy goes on with it.`);
      const found = await this.observe(made).catch(() => null);
      return { ...made, powerState: found?.power ?? 'stopped', seed: seedState(found), problem };
    }
  }

  async read(state: VmState, { signal }: Pick<ResourceContext, 'signal'>): Promise<VmState | null> {
    const observed = await this.observe(state);
    if (!observed) return null;
    this.requireOurs(observed);
    // Another VM of the fleet stands in its place: this one is gone.
    if (observed.uuid !== state.id) return null;
    const { ports, hub } = this.services;
    const shouldBeReady = observed.power === 'running' && state.problem === '';
    const problem = shouldBeReady ? await deadTunnel(state, ports, hub(state.hub.url), signal) : undefined;
    return {
      ...state,
      imageHash: observed.imageHash ?? ALTERED_IMAGE,
      imagePath: observed.imagePath,
      cpus: observed.cpus,
      memoryMib: observed.memoryMib,
      mac: observed.mac,
      network: observed.network,
      // one that was not asked for by name may be any
      bridgeAdapter: state.bridgeAdapter === null ? null : observed.bridgeAdapter,
      powerState: observed.power,
      seed: seedState(observed),
      problem: problem ?? state.problem,
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
      const destroy = () => driver.destroy({ name, uuid: id, fleet: this.services.fleet }, context.signal);
      await this.whileDrained(observed, state, state, context, () => {
        context.progress.step('removing VM and disk');
        return destroy();
      });
      context.progress.step("removing the VM's hub entry");
      await this.removeEntry(name, hub, context);
    });
  }

  async import(name: string): Promise<VmState> {
    const directory = this.services.paths.vm(name);
    const told = valueOrRefusal(seedRecord.read(directory));
    const observed = told && (await this.services.driver(told.hypervisor).inspect(name));
    if (!observed) {
      throw new FleetError({
        code: 'vm-not-importable',
        problem: !told && existsSync(directory) ? 'the VM never got its seed' : 'there is no VM of this name',
        value: name,
        remedy:
          'import by the name of a VM in the state directory, such as haskell-build-alpha, or deploy to create it',
      });
    }
    this.requireOurs(observed);
    const { hypervisor, identity, tunnelPort, relay, hub, developerPublicKeys, heartbeatSeconds } = told;
    const { cpus, memoryMib, mac, imagePath, uuid, network } = observed;
    return {
      ...{ name, hypervisor, imageHash: observed.imageHash ?? ALTERED_IMAGE, imagePath, cpus, memoryMib, mac },
      ...{ network, bridgeAdapter: told.bridgeAdapter === null ? null : observed.bridgeAdapter },
      ...{ identity, tunnelPort, relay, hub, developerPublicKeys, heartbeatSeconds },
      readyTimeoutSeconds: vmShape.attributes.readyTimeoutSeconds.default as number,
      drainTimeoutSeconds: vmShape.attributes.drainTimeoutSeconds.default as number,
      developerKey: deployedDeveloperKey(this.services.paths.fleetFile),
      userNetwork: null,
      warmStart: null,
      powerState: observed.power,
      seed: seedState(observed),
      problem: '',
      id: uuid,
    };
  }

  /** @param prior what an earlier deploy left, where there was one */
  private async converge(planned: VmPlan, spec: VmSpec, context: VmContext, prior: VmPlan = planned): Promise<VmState> {
    const { signal, log, progress } = context;
    const { name } = planned;
    const driver = this.services.driver(planned.hypervisor);
    const seed = vmSeed(this.services.paths, planned);
    const observed = await driver.inspect(name);
    const isSeedNew = valueOrRebuild(seedRecord.read(this.services.paths.vm(name)))?.digest !== seed.digest;
    const isHardwareNew = observed === null || differs(observed, spec);
    const needsPowerOff = isSeedNew || (isHardwareNew && driver.features.hardwareNeedsPowerOff);
    if (needsPowerOff && observed !== null && observed.power !== 'stopped') {
      await this.whileDrained(observed, prior, planned, context, () => {
        progress.step('waiting for the guest to power off');
        log.info('stopping the VM', { vm: name, hardware: isHardwareNew, seed: isSeedNew });
        return driver.stop(spec, observed.power === 'crashed' ? 0 : STOP_GRACE, signal);
      });
    }
    if (isHardwareNew) {
      progress.step('setting the hardware');
      await driver.update(spec, signal);
    }
    if (isSeedNew) {
      progress.step('writing the seed');
      await this.attachSeed(planned, spec, seed, driver, signal);
    }
    requireFreePort(name, planned.tunnelPort, this.services.ports);
    const boots = needsPowerOff || observed === null || ['stopped', 'crashed'].includes(observed.power);
    const hub = this.services.hub(planned.hub.url);
    const earlierHeartbeat = boots ? await lastHeartbeat(name, hub, planned.hub, signal) : null;
    progress.step('starting the VM');
    log.info('starting the VM', { vm: name });
    await bootUntilReady({
      ...{ name, log, signal, consoleLog: driver.consoleLog(name) },
      start: () => driver.start(spec, signal),
      waitUntilReady: () => this.waitUntilReady(planned, { seed, driver, hub, earlierHeartbeat }, context),
      cut: () => driver.stop(spec, 0, signal),
    });
    progress.step('removing the seed');
    await driver.removeSeed(spec, signal);
    await driver.confirmBoot(spec, signal);
    if (boots) await this.prepareWarmStart(planned, spec, driver, context);
    log.info('the VM is ready', { vm: name });
    return { ...planned, id: spec.uuid, powerState: 'running', seed: 'removed', problem: '' };
  }

  /** A failure concerns VMs that are not there yet, so it is only told. */
  private async prepareWarmStart(
    { name, hypervisor }: VmPlan,
    spec: VmSpec,
    driver: HypervisorDriver,
    { log, signal }: VmContext,
  ): Promise<void> {
    if (!spec.isWarm || driver.warmStart === undefined) return;
    const { imagePath, imageHash, cpus, memoryMib } = spec;
    const subject = { imagePath, imageHash, cpus, memoryMib };
    try {
      if (await driver.warmStart.isPrepared(subject, signal)) return;
      await this.services.prepareWarmStart(hypervisor, subject);
      log.info('warm starts are being prepared', { vm: name });
    } catch (error) {
      signal.throwIfAborted();
      log.warn('warm starts cannot be prepared', { vm: name, reason: String(error) });
    }
  }

  /**
   * Stops a VM by what `stop` does, and before that lets its builds end. They are asked for the way that the guest knows:
   * it may be stopped because port or keys become others.
   */
  private whileDrained(
    observed: VmObservation | null,
    prior: Pick<VmPlan, 'tunnelPort' | 'developerKey'>,
    { name, developerKey, drainTimeoutSeconds }: Pick<VmPlan, 'name' | 'developerKey' | 'drainTimeoutSeconds'>,
    { log, progress, signal }: ResourceContext,
    stop: () => Promise<void>,
  ): Promise<void> {
    if (observed?.power !== 'running') return stop();
    const directory = this.services.paths.vm(name);
    const keys = [prior.developerKey, developerKey].filter((key) => key !== null);
    return whileDrained(
      {
        ...{ name, directory, timeoutSeconds: drainTimeoutSeconds, log, progress, signal },
        tunnelPort: valueOrRebuild(seedRecord.read(directory))?.tunnelPort ?? prior.tunnelPort,
        keys: [...new Set(keys)].map((key) => expandHome(key, homedir())),
        script: this.services.drainScript,
        hold: this.services.hold,
      },
      stop,
    );
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
    const { hypervisor, network, bridgeAdapter, identity, tunnelPort, relay, hub } = planned;
    const { developerPublicKeys, heartbeatSeconds } = planned;
    const told = {
      hypervisor,
      network,
      bridgeAdapter,
      identity,
      tunnelPort,
      relay,
      hub,
      developerPublicKeys,
      heartbeatSeconds,
    };
    seedRecord.write(directory, { digest: seed.digest, instanceId, ...told });
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
      progress: context.progress,
      signal: context.signal,
      timeoutSeconds: readyTimeoutSeconds,
      reviveServices: this.services.reviveServices,
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
    const { name, imagePath, imageHash, cpus, memoryMib, mac, bridgeAdapter } = planned;
    const { fleet } = this.services;
    const network = plannedNetwork(planned, this.services.driver(planned.hypervisor).features);
    const userNetwork = planned.userNetwork ?? DEFAULT_USER_NETWORK;
    const reached = { network, bridgeAdapter, userNetwork, relayPort: planned.relay.port };
    const isWarm = planned.warmStart ?? true;
    return { name, uuid, fleet, imagePath, imageHash, cpus, memoryMib, mac, ...reached, isWarm };
  }

  /** After Ctrl-C, reports what the next deploy does instead of the error of a wait. */
  private async cancellable<T>(name: string, context: ResourceContext, body: () => Promise<T>): Promise<T> {
    try {
      return await body();
    } catch (error) {
      if (!context.signal.aborted || isFleetError(error)) throw error;
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

function seedState(observed: VmObservation | null): VmState['seed'] {
  return observed?.seedAttached === true ? 'attached' : 'removed';
}

function differs(observed: VmObservation, spec: VmSpec): boolean {
  const hardware = ['cpus', 'memoryMib', 'mac', 'network', 'imagePath'] as const;
  if (hardware.some((key) => observed[key] !== spec[key])) return true;
  return spec.bridgeAdapter !== null && observed.bridgeAdapter !== spec.bridgeAdapter;
}

/** @throws FleetError for a network that the hypervisor does not have, and for `none`, which only what was found may be */
function plannedNetwork(
  { name, hypervisor, network }: Pick<VmPlan, 'name' | 'hypervisor' | 'network'>,
  { networks }: HypervisorFeatures,
): NetworkKind {
  const kinds = networks.map(({ kind }) => kind);
  const planned = kinds.find((kind) => kind === network);
  if (planned !== undefined) return planned;
  throw new FleetError({
    code: 'vm-network',
    problem:
      network === 'none'
        ? 'a VM without a network cannot dial in'
        : `${hypervisor} cannot give its VMs this network here`,
    place: name,
    value: network,
    remedy: `use one of: ${kinds.join(', ')}`,
    attribute: 'network',
  });
}
