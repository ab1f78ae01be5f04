import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CommandError } from '../../../src/process/run';
import { cachedDebian } from '../image/cached-image';
import { FleetProject, type FleetPorts } from '../../support/fleet-project';
import { RunningFleet } from '../../support/running-fleet';
import { describeWithVirtualBox, VBOXMANAGE, VirtualBoxHome } from '../../support/virtualbox-home';

const LIMIT = 20 * 60_000;
const PORTS: FleetPorts = { sshd: 13720, hub: 13700, first: 13721, last: 13730 };

/** A fleet with a VM on each hypervisor, both of the Debian image. */
const MAIN = `import { BuildVm } from './constructs/build-vm';
import { HaskellBuildImage } from './constructs/haskell-build-image';
import { VmHost } from './constructs/vm-host';
import { Workstation } from './constructs/workstation';
import { Size } from './src/model/size';
import { FleetApp } from './stacks/fleet-app';
import { FleetStack } from './stacks/fleet-stack';

const app = new FleetApp(__dirname);
const fleet = new FleetStack(app, 'fleet');
const ports = {
  sshdPort: ${PORTS.sshd},
  hubPort: ${PORTS.hub},
  tunnelPorts: { first: ${PORTS.first}, last: ${PORTS.last} },
};
const workstation = Workstation.embedded(fleet, 'workstation', ports);
const capacity = { cpus: 2, memory: Size.gibibytes(2) };
const emulated = VmHost.local(fleet, 'emulated', { capacity });
const virtual = VmHost.local(fleet, 'virtual', { hypervisor: 'virtualbox', network: 'nat', capacity });
const image = HaskellBuildImage.debian(fleet, 'haskell');
new BuildVm(fleet, 'alpha', { workstation, image, host: emulated });
new BuildVm(fleet, 'beta', { workstation, image, host: virtual });

app.synth();
`;

describeWithVirtualBox('a fleet with a QEMU and a VirtualBox host', () => {
  const project = new FleetProject(PORTS);
  const fleet = new RunningFleet(project);
  const virtualBox = new VirtualBoxHome();
  const env = { ...virtualBox.environment, PATH: `${dirname(VBOXMANAGE)}:${process.env['PATH'] ?? ''}` };
  const deploy = () =>
    project.cdktf('deploy', { env }).then(
      () => '',
      (error: unknown) => (error instanceof CommandError ? error.stdout + error.stderr : String(error)),
    );
  /** UUID of beta's machine, which VirtualBox gives at each import. */
  const machine = async () => /"haskell-build-beta" (\{.*\})/.exec(await virtualBox.manage('list', 'vms'))?.[1];
  let first: string | undefined;

  beforeAll(async () => {
    await cachedDebian('ova');
    writeFileSync(join(project.directory, 'main.ts'), MAIN);
  }, LIMIT);

  afterAll(async () => {
    await project.cdktf('destroy', { env, acceptExitCodes: [0, 1] });
    virtualBox.remove();
    project.remove();
  }, LIMIT);

  test(
    "brings up the one and tells VirtualBox's own reason for the other",
    async () => {
      const said = await deploy();

      expect(said).toContain('haskell-build-beta is there and not ready');
      expect(said).toMatch(/VERR_VM_DRIVER_NOT_INSTALLED|kernel driver/);
      expect((await fleet.untilUsable('alpha', 60)).power.state).toBe('running');
      const known = JSON.parse(project.state()) as {
        resources: {
          type: string;
          name: string;
          instances: { status?: string; attributes: Record<string, unknown> }[];
        }[];
      };
      const vms = known.resources.filter(({ type }) => type === 'buildfleet_vm');
      expect(vms.map(({ name, instances }) => [name, instances[0]?.attributes['power_state']])).toEqual([
        ['alpha', 'running'],
        ['beta', 'stopped'],
      ]);
      expect(vms.map(({ instances }) => instances[0]?.status)).toEqual([undefined, undefined]);
      first = await machine();
      expect(first).toBeDefined();
    },
    LIMIT,
  );

  test(
    'tries the start again, and nothing else',
    async () => {
      const { stdout } = await project.cdktf('diff', { env });
      // the smoke test that never ran, and the VM
      expect(stdout).toMatch(/1 to add, 1 to change, 0 to destroy/);
      const pid = fleet.qemu('alpha');

      const said = await deploy();

      expect(said).toMatch(/VERR_VM_DRIVER_NOT_INSTALLED|kernel driver/);
      expect(said).not.toMatch(/buildfleet_vm\.alpha: (Modifying|Creating)/);
      expect(await machine()).toBe(first);
      expect(fleet.qemu('alpha')).toBe(pid);
    },
    LIMIT,
  );

  test(
    'leaves nothing in VirtualBox',
    async () => {
      await project.cdktf('destroy', { env });

      expect(await virtualBox.manage('list', 'vms')).not.toContain('haskell-build');
      expect(await virtualBox.manage('list', 'hdds')).not.toContain(project.paths.stateDirectory);
    },
    LIMIT,
  );
});
