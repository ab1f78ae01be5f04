import type { HypervisorFeatures } from '../features';
import { renderVboxmanageScript, SCRIPT_FILE } from './script';

export const features: HypervisorFeatures = {
  title: 'VirtualBox',
  imageFormat: 'ova',
  networks: [
    { kind: 'bridged', hostAddress: null, canIsolate: false },
    // The gateway of VirtualBox's NAT; `hardwareArguments` has it lead to the loopback of the host.
    { kind: 'nat', hostAddress: '10.0.2.2', canIsolate: false },
  ],
  hardwareNeedsPowerOff: true,
  warmStart: false,
  packages: [],
  firstDeployScript: { file: SCRIPT_FILE, render: renderVboxmanageScript },
};
