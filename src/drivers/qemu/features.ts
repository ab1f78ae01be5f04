import type { HypervisorFeatures } from '../features';

export const features: HypervisorFeatures = {
  title: 'QEMU',
  imageFormat: 'qcow2',
  // The gateway of QEMU's user mode network, which leads to the loopback of the host.
  networks: [{ kind: 'nat', hostAddress: '10.0.2.2', canIsolate: true }],
  hardwareNeedsPowerOff: true,
  warmStart: true,
  packages: ['qemu-system-x86', 'qemu-utils', 'passt', 'iproute2'],
  firstDeployScript: null,
};
