import { BuildVm } from './constructs/build-vm';
import { HaskellBuildImage } from './constructs/haskell-build-image';
import { VmHost } from './constructs/vm-host';
import { Workstation } from './constructs/workstation';
import { Size } from './src/model/size';
import { FleetApp } from './stacks/fleet-app';
import { FleetStack } from './stacks/fleet-stack';

const app = new FleetApp(__dirname);
const fleet = new FleetStack(app, 'fleet');

// The end of the tunnels: a private sshd on port 12220, tunnels on 12221-12230, a State Hub on port 8000.
const workstation = Workstation.embedded(fleet, 'workstation');

// The host that runs VMs, and the capacity that they may use together.
const local = VmHost.local(fleet, 'local', { hypervisor: 'qemu', capacity: { cpus: 8, memory: Size.gibibytes(8) } });

// Their image: Debian trixie with GHC 9.6.6 and cabal 3.10.3.0.
const haskell = HaskellBuildImage.debian(fleet, 'haskell');

// The VMs. Each keeps its tunnel port through port-registry.yml, and is proved by a smoke test after every change.
const standard = { workstation, host: local, image: haskell, cpus: 2, memory: Size.mebibytes(2048) };
new BuildVm(fleet, 'alpha', { ...standard, default: true });
new BuildVm(fleet, 'beta', standard);

// A second fleet: Ubuntu with GHC 9.8.4 and 9.6.6, on VirtualBox, its VMs machines of their own on the network.
const laptops = new FleetStack(app, 'laptops', { nullProvider: 'registry' });
const desk = { address: '192.168.1.10', sshdPort: 12240, hubPort: 8001 };
const ubuntu = {
  workstation: Workstation.embedded(laptops, 'workstation', desk),
  host: VmHost.local(laptops, 'laptop', {
    hypervisor: 'virtualbox',
    capacity: { cpus: 8, memory: Size.gibibytes(16) },
  }),
  image: HaskellBuildImage.ubuntu(laptops, 'haskell'),
  cpus: 4,
  memory: Size.gibibytes(8),
};
new BuildVm(laptops, 'gamma', { ...ubuntu, default: true });
new BuildVm(laptops, 'delta', ubuntu);

app.synth();
