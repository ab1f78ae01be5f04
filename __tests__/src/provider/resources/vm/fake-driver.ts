import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { FleetPaths } from '../../../../../src/model/paths';
import type { HypervisorFeatures } from '../../../../../src/drivers/features';
import type { HypervisorDriver, PowerState, VmObservation, VmSpec, WarmStart } from '../../../../../src/drivers/driver';

interface FakeVm {
  spec: VmSpec;
  power: PowerState;
  detail: string;
  hasSeed: boolean;
}

/** Stands in for a hypervisor: keeps VMs in memory and writes down what it was told. */
export class FakeDriver implements HypervisorDriver {
  features: HypervisorFeatures = {
    ...{
      title: 'Fake',
      imageFormat: 'qcow2',
      hardwareNeedsPowerOff: true,
      warmStart: false,
      packages: [],
      firstDeployScript: null,
    },
    networks: [
      { kind: 'nat', hostAddress: '10.0.2.2', canIsolate: true },
      { kind: 'bridged', hostAddress: null, canIsolate: false },
    ],
  };
  warmStart?: WarmStart;
  readonly calls: string[] = [];
  readonly vms = new Map<string, FakeVm>();
  /** Called at the end of every start, to let the guest do what the test wants. */
  onStart: (vm: FakeVm) => void = () => undefined;
  /** Throws in the named method, once. */
  failIn: string | undefined;

  constructor(private readonly paths: FleetPaths) {}

  inspect(name: string): Promise<VmObservation | null> {
    const vm = this.vms.get(name);
    if (!vm) return Promise.resolve(null);
    const { spec, power, detail, hasSeed } = vm;
    return Promise.resolve({ ...spec, power, detail, seedAttached: hasSeed });
  }

  async list(): Promise<readonly VmObservation[]> {
    const all = await Promise.all([...this.vms.keys()].map((name) => this.inspect(name)));
    return all.filter((vm) => vm !== null);
  }

  create(spec: VmSpec): Promise<void> {
    return this.call('create', () => {
      if (this.vms.has(spec.name)) return;
      mkdirSync(this.paths.vm(spec.name), { recursive: true });
      this.vms.set(spec.name, { spec, power: 'stopped', detail: '', hasSeed: false });
    });
  }

  update(spec: VmSpec): Promise<void> {
    return this.call('update', () => {
      const vm = this.vm(spec);
      if (vm.power !== 'stopped' && this.features.hardwareNeedsPowerOff)
        throw new Error('hardware changed while running');
      vm.spec = spec;
    });
  }

  attachSeed(spec: VmSpec, isoPath: string): Promise<void> {
    return this.call('attachSeed', () => {
      renameSync(isoPath, join(this.paths.vm(spec.name), 'seed.iso'));
      this.vm(spec).hasSeed = true;
    });
  }

  removeSeed(spec: VmSpec): Promise<void> {
    return this.call('removeSeed', () => {
      rmSync(join(this.paths.vm(spec.name), 'seed.iso'), { force: true });
      this.vm(spec).hasSeed = false;
    });
  }

  start(spec: VmSpec): Promise<void> {
    return this.call('start', () => {
      const vm = this.vm(spec);
      vm.power = 'running';
      this.onStart(vm);
    });
  }

  confirmBoot(): Promise<void> {
    return this.call('confirmBoot', () => undefined);
  }

  stop(spec: VmSpec): Promise<void> {
    return this.call('stop', () => {
      this.vm(spec).power = 'stopped';
    });
  }

  destroy(spec: Pick<VmSpec, 'name'>): Promise<void> {
    return this.call('destroy', () => {
      this.vms.delete(spec.name);
      rmSync(this.paths.vm(spec.name), { recursive: true, force: true });
    });
  }

  consoleLog(name: string): string {
    return join(this.paths.vm(name), 'console.log');
  }

  diskOrigins(): Promise<readonly never[]> {
    return Promise.resolve([]);
  }

  private vm(spec: Pick<VmSpec, 'name'>): FakeVm {
    const vm = this.vms.get(spec.name);
    if (!vm) throw new Error(`no VM ${spec.name}`);
    return vm;
  }

  private async call(name: string, body: () => void): Promise<void> {
    await Promise.resolve();
    this.calls.push(name);
    if (this.failIn === name) {
      this.failIn = undefined;
      throw new Error(`killed in ${name}`);
    }
    body();
  }
}
