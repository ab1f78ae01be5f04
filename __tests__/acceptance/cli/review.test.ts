import { appendFileSync, cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reviewSchema } from '../../../src/cli/review/report';
import { BuildVm, type BuildVmProps } from '../../../constructs/build-vm';
import { HaskellBuildImage } from '../../../constructs/haskell-build-image';
import { VmHost } from '../../../constructs/vm-host';
import { type EmbeddedWorkstationProps, Workstation } from '../../../constructs/workstation';
import { Duration } from '../../../src/model/duration';
import { Size } from '../../../src/model/size';
import { run } from '../../../src/process/run';
import { FleetApp } from '../../../stacks/fleet-app';
import { FleetStack, type FleetStackProps } from '../../../stacks/fleet-stack';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools } from '../../support/tools';
import { buildfleet } from '../../support/buildfleet';

jest.setTimeout(120_000);

const REPOSITORY = join(__dirname, '../../..');
const PACKAGES = ['git', 'jq', 'rsync'];

type Vm = Partial<BuildVmProps> & { readonly lean?: true };

/** What a project describes: by default one fleet with the VMs alpha and beta, as `main.ts` would have it. */
interface Described {
  readonly workstation?: EmbeddedWorkstationProps;
  readonly stack?: FleetStackProps;
  readonly image?: Parameters<typeof HaskellBuildImage.debian>[2];
  readonly host?: Partial<Parameters<typeof VmHost.local>[2]>;
  readonly hostName?: string;
  /** By id; `lean` takes an image of its own. */
  readonly vms?: Readonly<Record<string, Vm>>;
  /** A second fleet with an Ubuntu image and one VM on VirtualBox. */
  readonly laptops?: Parameters<typeof HaskellBuildImage.ubuntu>[2];
  /** Of the first fleet nothing. */
  readonly withoutFleet?: true;
}

const TWO: Readonly<Record<string, Vm>> = { alpha: {}, beta: {} };

/** Synthesizes over what lies in the directory. */
function render(directory: string, described: Described): void {
  const app = new FleetApp(directory, { ci: false, outdir: join(directory, 'cdktf.out') });
  const capacity = { cpus: 16, memory: Size.gibibytes(32) };
  if (described.withoutFleet !== true) {
    const stack = new FleetStack(app, 'fleet', described.stack);
    const workstation = Workstation.embedded(stack, 'workstation', described.workstation);
    const host = VmHost.local(stack, described.hostName ?? 'local', { capacity, ...described.host });
    const image = HaskellBuildImage.debian(stack, 'haskell', { packages: PACKAGES, ...described.image });
    for (const [id, { lean, ...props }] of Object.entries(described.vms ?? TWO)) {
      const own = lean ? HaskellBuildImage.debian(stack, 'lean', { packages: ['git'] }) : image;
      new BuildVm(stack, id, { workstation, host, image: own, ...props });
    }
  }
  if (described.laptops !== undefined) {
    const stack = new FleetStack(app, 'laptops');
    const workstation = Workstation.embedded(stack, 'workstation', {
      ...{ address: '192.168.1.10', sshdPort: 12240, hubPort: 8001 },
    });
    const host = VmHost.local(stack, 'laptop', { hypervisor: 'virtualbox', capacity });
    const image = HaskellBuildImage.ubuntu(stack, 'haskell', { packages: PACKAGES, ...described.laptops });
    new BuildVm(stack, 'gamma', { workstation, host, image });
  }
  app.render();
}

/** A project under version control, with what the operator's own git configuration says left out. */
class Project {
  readonly directory = temporaryDirectory();
  private readonly environment = {
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_SYSTEM: '/dev/null',
    GIT_AUTHOR_NAME: 'test',
    GIT_AUTHOR_EMAIL: 'test@example.com',
    GIT_COMMITTER_NAME: 'test',
    GIT_COMMITTER_EMAIL: 'test@example.com',
  };

  static async of(described: Described): Promise<Project> {
    const project = new Project();
    await project.git('init', '--quiet', '--initial-branch=main');
    render(project.directory, described);
    await project.commit();
    return project;
  }

  async git(...args: readonly string[]): Promise<string> {
    const { stdout } = await run('git', args, { cwd: this.directory, env: this.environment });
    return stdout.trim();
  }

  async commit(): Promise<void> {
    writeFileSync(this.path('.gitignore'), 'cdktf.out\nnode_modules\n');
    await this.git('add', '--all');
    await this.git('commit', '--quiet', '--message=change');
  }

  path(...parts: readonly string[]): string {
    return join(this.directory, ...parts);
  }

  review(...args: readonly string[]) {
    return buildfleet(['review', ...args], { cwd: this.directory, env: this.environment });
  }

  /** The output with every hash replaced by the same word: those of images follow from every script. */
  async told(...args: readonly string[]): Promise<string> {
    const { stdout, stderr, exitCode } = await this.review(...args);
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    return stdout
      .toString()
      .replace(/\b[0-9a-f]{12}\b/g, 'HASH')
      .trimEnd();
  }
}

/** A text that is indented like the code around it. */
function text(indented: string): string {
  const lines = indented.split('\n').slice(1, -1);
  const margin = Math.min(...lines.filter((line) => line !== '').map((line) => line.search(/\S/)));
  return lines.map((line) => line.slice(margin)).join('\n');
}

interface Change {
  readonly before: Described;
  readonly after: Described;
  /** Changes made by hand once the later state is rendered. */
  readonly byHand?: (project: Project) => Promise<void> | void;
  readonly says: string;
}

const CHANGES: Readonly<Record<string, Change>> = {
  'nothing at all': {
    before: {},
    after: {},
    says: `
      nothing changes
    `,
  },
  'memory and CPUs of a VM': {
    before: {},
    after: { vms: { ...TWO, alpha: { memory: Size.mebibytes(4096), cpus: 4 } } },
    says: `
      fleet: 1 VM is restarted

      fleet
        VM alpha (port 12221) is changed in place and restarted, its disk and keys stay
          - CPUs 2 → 4
          - memory 2048 MiB → 4096 MiB
        the smoke test of alpha runs
        deployed files of the fleet are written again: fleet.json
    `,
  },
  'time that a VM has to become ready': {
    before: {},
    after: { vms: { ...TWO, alpha: { readyTimeout: Duration.minutes(15) } } },
    says: `
      fleet: 1 VM is changed in place

      fleet
        VM alpha (port 12221) is changed in place and runs on
          - time to become ready 600 s → 900 s
    `,
  },
  'packages of the image': {
    before: {},
    after: { image: { packages: ['git', 'libpq-dev', 'ripgrep', 'rsync'] } },
    says: `
      fleet: 1 image is rebuilt, 2 VMs are replaced

      fleet
        image haskell is rebuilt, unless the cache has it already (HASH → HASH)
          - packages libpq-dev and ripgrep added
          - package jq removed
        VM alpha (port 12221) is replaced: its disk and what lies under /build/ are lost, its keys and port stay
          - image haskell is rebuilt
        VM beta (port 12222) is replaced: its disk and what lies under /build/ are lost, its keys and port stay
          - image haskell is rebuilt
        the smoke tests of alpha and beta run
        deployed files of the fleet are written again: fleet.json
    `,
  },
  'time zone, locale and disk of the image': {
    before: { vms: { alpha: {} } },
    after: { vms: { alpha: {} }, image: { timezone: 'Etc/UTC', locale: 'C.UTF-8', disk: Size.gibibytes(60) } },
    says: `
      fleet: 1 image is rebuilt, 1 VM is replaced

      fleet
        image haskell is rebuilt, unless the cache has it already (HASH → HASH)
          - disk 40960 MiB → 61440 MiB
          - locale en_US.UTF-8 → C.UTF-8
          - time zone Europe/Berlin → Etc/UTC
        VM alpha (port 12221) is replaced: its disk and what lies under /build/ are lost, its keys and port stay
          - image haskell is rebuilt
        the smoke test of alpha runs
        deployed files of the fleet are written again: fleet.json
    `,
  },
  'mirror and snapshot of the base': {
    before: { vms: { alpha: {} } },
    after: {
      vms: { alpha: {} },
      image: { mirror: 'https://archive.example.com/debian', snapshot: '20250520T000000Z' },
    },
    says: `
      fleet: 1 image is rebuilt, 1 VM is replaced

      fleet
        image haskell is rebuilt, unless the cache has it already (HASH → HASH)
          - mirror none → https://archive.example.com/debian
          - snapshot of the archive none → 20250520T000000Z
        VM alpha (port 12221) is replaced: its disk and what lies under /build/ are lost, its keys and port stay
          - image haskell is rebuilt
        the smoke test of alpha runs
        deployed files of the fleet are written again: fleet.json
    `,
  },
  'toolchain of the Ubuntu image': {
    before: { laptops: {} },
    after: { laptops: { ghc: '9.10.1', secondaryGhc: null } },
    says: `
      laptops: 1 image is rebuilt, 1 VM is replaced

      laptops
        image haskell is rebuilt, unless the cache has it already (HASH → HASH)
          - GHC 9.8.4 → 9.10.1
          - second GHC 9.6.6 → none
          - file haskell-build.pkr.hcl changes
        VM gamma (port 12223) is replaced: its disk and what lies under /build/ are lost, its keys and port stay
          - image haskell is rebuilt
        the smoke test of gamma runs
        deployed files of the fleet are written again: fleet.json
    `,
  },
  'another image for one VM': {
    before: {},
    after: { vms: { alpha: {}, beta: { lean: true } } },
    says: `
      fleet: 1 VM is replaced, 1 image is new

      fleet
        VM beta (port 12222) is replaced: its disk and what lies under /build/ are lost, its keys and port stay
          - image haskell → lean
        image lean is new and is built, unless the cache has it already (HASH)
          - from debian trixie
          - GHC 9.6.6, cabal 3.10.3.0
          - as qcow2
          - for VM beta
        the smoke test of beta runs
        deployed files of the fleet are written again: fleet.json
    `,
  },
  'a third VM': {
    before: {},
    after: { vms: { ...TWO, gamma: { memory: Size.gibibytes(4) } } },
    says: `
      fleet: 1 VM is created, 1 port is taken

      fleet
        VM gamma is created on port 12223
          - 2 CPUs, 4096 MiB, network nat
          - on host local, qemu
          - from image haskell
        the tunnel key of gamma opens ports 12223 and 8000 (State Hub), and nothing else
        port 12223 is taken by haskell-build-gamma
        the tunnel catalog gets haskell-build-gamma
        the ssh configuration changes
          - Host haskell-build-gamma gamma added
        the smoke test of gamma runs
        deployed files of the fleet are written again: fleet.json, known_hosts, port-registry.yml, ssh-config and authorized_keys
    `,
  },
  'a VM less': {
    before: {},
    after: { vms: { alpha: {} } },
    says: `
      fleet: 1 VM is destroyed, 1 port stays reserved

      fleet
        VM beta (port 12222) is destroyed: its disk and what lies under /build/ are lost, its keys and its hub entry go
        the tunnel key of beta opens nothing any more
        port 12222 stays reserved for haskell-build-beta until \`buildfleet ports release 12222\`
        the tunnel catalog loses haskell-build-beta
        the ssh configuration changes
          - Host haskell-build-beta beta removed
        deployed files of the fleet are written again: fleet.json, known_hosts, ssh-config and authorized_keys
    `,
  },
  'a VM under another name': {
    before: { vms: { alpha: {} } },
    after: { vms: { apex: {} } },
    says: `
      fleet: 1 VM is destroyed, 1 VM is created, 1 port is taken, 1 port stays reserved, 1 change of the default VM

      fleet
        VM alpha (port 12221) is destroyed: its disk and what lies under /build/ are lost, its keys and its hub entry go
        VM apex is created on port 12222
          - 2 CPUs, 2048 MiB, network nat
          - on host local, qemu
          - from image haskell
        the tunnel key of alpha opens nothing any more
        the tunnel key of apex opens ports 12222 and 8000 (State Hub), and nothing else
        port 12222 is taken by haskell-build-apex
        port 12221 stays reserved for haskell-build-alpha until \`buildfleet ports release 12221\`
        where no VM is named, and as \`haskell-build\`, VM apex is meant instead of alpha
        the tunnel catalog loses haskell-build-alpha
        the tunnel catalog gets haskell-build-apex
        the ssh configuration changes
          - Host haskell-build-apex apex haskell-build added
          - Host haskell-build-alpha alpha haskell-build removed
        the smoke test of apex runs
        deployed files of the fleet are written again: fleet.json, known_hosts, port-registry.yml, ssh-config and authorized_keys
    `,
  },
  'a released port': {
    before: { vms: { alpha: {} } },
    after: { vms: { alpha: {} } },
    byHand: async (project) => {
      // beta was there once; its port is released after the state before was committed
      render(project.directory, {});
      render(project.directory, { vms: { alpha: {} } });
      await project.commit();
      const released = await buildfleet(['ports', 'release', 'beta'], { cwd: project.directory });
      expect(released.exitCode).toBe(0);
      render(project.directory, { vms: { alpha: {} } });
    },
    says: `
      fleet: 1 port is freed

      fleet
        port 12222 of haskell-build-beta is freed
        deployed files of the fleet are written again: port-registry.yml
    `,
  },
  'another port for a VM': {
    before: {},
    after: { vms: { ...TWO, beta: { tunnelPort: 12229 } } },
    says: `
      fleet: 1 VM is restarted, 1 port is taken, 1 port is freed

      fleet
        VM beta (port 12222) is changed in place and restarted, its disk and keys stay
          - port 12222 → 12229
        the tunnel key of beta opens ports 12229 and 8000 (State Hub), and nothing else
        port 12229 is taken by haskell-build-beta
        port 12222 of haskell-build-beta is freed
        the tunnel catalog changes haskell-build-beta
        the ssh configuration changes
          - Host haskell-build-beta: Port 12222 → 12229
        the smoke test of beta runs
        deployed files of the fleet are written again: fleet.json, port-registry.yml, ssh-config and authorized_keys
    `,
  },
  'a developer more': {
    before: {},
    after: { workstation: { developers: ['~/.ssh/id_build.pub', '~/keys/ann.pub'] } },
    says: `
      fleet: 1 change of access, 2 VMs are restarted

      fleet
        keys of ~/keys/ann.pub may log in to alpha and beta
        VM alpha (port 12221) is changed in place and restarted, its disk and keys stay
          - the keys of developers that may log in
        VM beta (port 12222) is changed in place and restarted, its disk and keys stay
          - the keys of developers that may log in
    `,
  },
  'a developer less': {
    before: { workstation: { developers: ['~/.ssh/id_build.pub', '~/keys/ann.pub'] } },
    after: {},
    says: `
      fleet: 1 change of access, 2 VMs are restarted

      fleet
        keys of ~/keys/ann.pub may no longer log in to alpha and beta
        VM alpha (port 12221) is changed in place and restarted, its disk and keys stay
          - the keys of developers that may log in
        VM beta (port 12222) is changed in place and restarted, its disk and keys stay
          - the keys of developers that may log in
    `,
  },
  'another first developer': {
    before: { workstation: { developers: ['~/.ssh/id_build.pub', '~/keys/ann.pub'] }, vms: { alpha: {} } },
    after: { workstation: { developers: ['~/keys/ann.pub', '~/.ssh/id_build.pub'] }, vms: { alpha: {} } },
    says: `
      fleet: 1 change of access, 1 VM is restarted

      fleet
        developers stand in another order: ~/keys/ann.pub, ~/.ssh/id_build.pub
        VM alpha (port 12221) is changed in place and restarted, its disk and keys stay
          - the keys of developers that may log in
          - key by which a deploy asks for its builds ~/.ssh/id_build → ~/keys/ann
        the ssh configuration changes
          - Host haskell-build-alpha: IdentityFile ~/.ssh/id_build → ~/keys/ann
        deployed files of the fleet are written again: fleet.json and ssh-config
    `,
  },
  'ports of the private sshd and of the hub': {
    before: { vms: { alpha: {} } },
    after: { vms: { alpha: {} }, workstation: { sshdPort: 12250, hubPort: 8100 } },
    says: `
      fleet: 1 VM is restarted, 2 changes of the workstation, 1 entry of the State Hub changes

      fleet
        VM alpha (port 12221) is changed in place and restarted, its disk and keys stay
          - port that it dials 12220 → 12250
          - port of the State Hub 8000 → 8100
          - address of the State Hub http://127.0.0.1:8000 → http://127.0.0.1:8100
        the private sshd moves to another port (12220 → 12250): it is restarted and tunnels are dialled again
        the State Hub moves to another port (8000 → 8100): it and the private sshd are restarted
        the tunnel key of alpha opens ports 12221 and 8100 (State Hub), and nothing else
        the entry of type haskell-build-agent in the State Hub is changed
          - address of the State Hub http://127.0.0.1:8000 → http://127.0.0.1:8100
        deployed files of the fleet are written again: fleet.json, state-hub-refs.yml and authorized_keys
    `,
  },
  'the range of tunnel ports': {
    before: {},
    after: { workstation: { tunnelPorts: { first: 12221, last: 12240 } } },
    says: `
      fleet: 1 change of the workstation

      fleet
        tunnels may use other ports of the workstation (12221-12230 → 12221-12240): the private sshd is restarted
        deployed files of the fleet are written again: fleet.json
    `,
  },
  'another hypervisor': {
    before: { vms: { alpha: {} } },
    after: { vms: { alpha: {} }, host: { hypervisor: 'virtualbox', network: 'nat' } },
    says: `
      fleet: 1 VM is replaced, 1 image is wanted in other formats

      fleet
        VM alpha (port 12221) is replaced: its disk and what lies under /build/ are lost, its keys and port stay
          - hypervisor qemu → virtualbox
        image haskell stays the same, its files do not
          - wanted as ova, too: converted from what is built
        the smoke test of alpha runs
        deployed files of the fleet are written again: fleet.json
    `,
  },
  'network of a VirtualBox host': {
    before: { vms: { alpha: {} }, host: { hypervisor: 'virtualbox', network: 'nat' } },
    after: {
      vms: { alpha: {} },
      host: { hypervisor: 'virtualbox', bridgeAdapter: 'eth0' },
      workstation: { address: '192.168.1.10' },
    },
    says: `
      fleet: 1 VM is restarted, 1 change of the workstation

      fleet
        VM alpha (port 12221) is changed in place and restarted, its disk and keys stay
          - network nat → bridged
          - bridge adapter none → eth0
          - address that it dials 10.0.2.2 → 192.168.1.10
        the private sshd listens for VMs of the network on another address (none → 192.168.1.10): it is restarted and tunnels are dialled again
        deployed files of the fleet are written again: fleet.json
    `,
  },
  'another name of the host': {
    before: {},
    after: { hostName: 'tower' },
    says: `
      fleet: 2 VMs are listed on another host

      fleet
        VM alpha is listed on another host (local → tower) and stays as it is
        VM beta is listed on another host (local → tower) and stays as it is
        deployed files of the fleet are written again: fleet.json and port-registry.yml
    `,
  },
  'another default VM': {
    before: {},
    after: { vms: { alpha: {}, beta: { default: true } } },
    says: `
      fleet: 1 change of the default VM

      fleet
        where no VM is named, and as \`haskell-build\`, VM beta is meant instead of alpha
        the ssh configuration changes
          - Host haskell-build-alpha is no longer haskell-build
          - Host haskell-build-beta is also haskell-build
        deployed files of the fleet are written again: fleet.json and ssh-config
    `,
  },
  "the registry's null provider": {
    before: {},
    after: { stack: { nullProvider: 'registry' } },
    says: `
      fleet: 1 provider changes

      fleet
        null_resource comes from the registry's provider (null 3.2.4): \`terraform init\` downloads it
    `,
  },
  'no smoke test': {
    before: {},
    after: { vms: { ...TWO, beta: { smokeTest: false } } },
    says: `
      fleet: 1 change of smoke tests

      fleet
        VM beta is no longer proved by a smoke test after a change
    `,
  },
  'another ssh configuration of the operator': {
    before: {},
    after: { workstation: { sshConfig: '~/.ssh/config.d/fleet' } },
    says: `
      fleet: 2 changes of files

      fleet
        the block \`buildfleet fleet\` of ~/.ssh/config moves to ~/.ssh/config.d/fleet
        deployed files of the fleet are written again: fleet.json
    `,
  },
  'another state directory': {
    before: {},
    after: { stack: { stateDirectory: '~/fleets/one' } },
    says: `
      fleet: 1 setting of where state lies changes

      fleet
        the state directory becomes another one (~/.local/state/buildfleet/fleet → ~/fleets/one): nothing is moved, and what runs from the old one is no longer looked after; destroy the fleet first, \`cdktf destroy fleet\` from the old revision
        the ssh configuration changes
          - Host haskell-build-alpha: UserKnownHostsFile ~/.local/state/buildfleet/fleet/known_hosts → ~/fleets/one/known_hosts
          - Host haskell-build-beta: UserKnownHostsFile ~/.local/state/buildfleet/fleet/known_hosts → ~/fleets/one/known_hosts
        the block \`buildfleet fleet\` of ~/.ssh/config is written again
    `,
  },
  'another cache of images': {
    before: {},
    after: { stack: { cacheDirectory: '~/images' } },
    says: `
      fleet: 1 setting of where state lies changes

      fleet
        images are kept elsewhere (~/.cache/buildfleet → ~/images): those that are not there yet are built again, and \`cdktf diff\` says what that means for VMs
        deployed files of the fleet are written again: fleet.json
    `,
  },
  'a second fleet': {
    before: {},
    after: { laptops: {} },
    says: `
      laptops: new fleet, 1 VM is created, 1 image is new, 1 port is taken

      laptops
        fleet laptops is new; \`cdktf deploy laptops\` makes it
          - a private sshd on port 12240, a State Hub on port 8001
          - keys of ~/.ssh/id_build.pub may log in
        VM gamma is created on port 12223
          - 2 CPUs, 2048 MiB, network bridged
          - on host laptop, virtualbox
          - from image haskell
        image haskell is new and is built, unless the cache has it already (HASH)
          - from ubuntu 24.04
          - GHC 9.8.4 and 9.6.6, cabal 3.12.1.0
          - as ova
          - for VM gamma
        port 12223 is taken by haskell-build-gamma
    `,
  },
  'a fleet less': {
    before: { laptops: {} },
    after: { laptops: {}, withoutFleet: true },
    byHand: (project) => {
      rmSync(project.path('rendered/fleet'), { recursive: true });
    },
    says: `
      fleet: fleet is no longer described; laptops: 2 ports stay reserved

      fleet
        fleet fleet is no longer described, and nothing of it is destroyed by that: run \`cdktf destroy fleet\` from the old revision first
          - VMs alpha (port 12221) and beta (port 12222) would run on

      laptops
        port 12221 is kept for haskell-build-alpha, which is not in this fleet
        port 12222 is kept for haskell-build-beta, which is not in this fleet
        deployed files of the fleet are written again: port-registry.yml
    `,
  },
  'a README, and the text of files that nothing applies': {
    before: {},
    after: {},
    byHand: (project) => {
      writeFileSync(project.path('rendered/fleet/README.md'), 'what this is\n');
      writeFileSync(project.path('rendered/README.md'), 'what this is\n');
      appendFileSync(project.path('rendered/fleet/Makefile'), '# another comment\n');
      appendFileSync(project.path('rendered/fleet/vms/alpha/user-data'), '# another comment\n');
      appendFileSync(project.path('rendered/fleet/haskell/scripts/setup-vm.sh'), '# another comment\n');
      const plan = project.path('rendered/fleet/cdk.tf.json');
      writeFileSync(plan, JSON.stringify(JSON.parse(readFileSync(plan, 'utf8'))));
    },
    says: `
      fleet: nothing changes but the text of 5 rendered files

      fleet
        rendered text without effect
          - Makefile: for people who type its targets
          - README.md
          - cdk.tf.json: only its layout, or what Terraform ignores
          - haskell/scripts/setup-vm.sh: for people who import the image by hand
          - vms/alpha/user-data: VM alpha keeps the seed that it has until something else about it changes

      rendered
        rendered text without effect
          - README.md
    `,
  },
  'a type entry as another version renders it': {
    before: {},
    after: {},
    byHand: (project) => {
      edit(project.path('rendered/fleet/cdk.tf.json'), (plan) => plan.replace('"sandbox"', '"sandbox", "nix"'));
    },
    says: `
      fleet: 1 entry of the State Hub changes

      fleet
        the entry of type haskell-build-agent in the State Hub is changed
          - keyword nix added
    `,
  },
  'tunnel keys that may do more, as another version renders them': {
    before: {},
    after: {},
    byHand: (project) => {
      edit(project.path('rendered/fleet/cdk.tf.json'), (plan) =>
        plan.replace('restrict,port-forwarding,', 'port-forwarding,'),
      );
    },
    says: `
      fleet: 1 change of access

      fleet
        the tunnel key of alpha may do something else at the private sshd
          - no longer restrict
        deployed files of the fleet are written again: authorized_keys
    `,
  },
  'a key that was written into the plan by hand': {
    before: {},
    after: {},
    byHand: (project) => {
      edit(project.path('rendered/fleet/cdk.tf.json'), (plan) =>
        plan.replace('"restrict,port-forwarding,', '"ssh-ed25519 AAAAC3NzaC1lZDI1 guest\\nrestrict,port-forwarding,'),
      );
    },
    says: `
      fleet: 1 change of access

      fleet
        the key ssh-ed25519 AAAAC3NzaC1lZDI1 guest may log in to the private sshd
        deployed files of the fleet are written again: authorized_keys
    `,
  },
};

function edit(path: string, change: (before: string) => string): void {
  const before = readFileSync(path, 'utf8');
  const after = change(before);
  expect(after).not.toBe(before);
  writeFileSync(path, after);
}

describeWithTools(['git'], 'review', () => {
  test.each(Object.entries(CHANGES))('%s', async (_, { before, after, byHand, says }) => {
    const project = await Project.of(before);
    render(project.directory, after);
    await byHand?.(project);
    expect(await project.told()).toBe(text(says));
  });

  test('between two revisions, from any directory, with any working tree and branch', async () => {
    const project = await Project.of({});
    await project.git('tag', 'v1');
    render(project.directory, { vms: { alpha: {} } });
    await project.commit();
    rmSync(project.path('rendered'), { recursive: true });
    const [summary] = (await project.told('v1', '--to', 'main')).split('\n');
    expect(summary).toBe('fleet: 1 VM is destroyed, 1 port stays reserved');
    const [back] = (await project.told('main', '--to', 'v1')).split('\n');
    expect(back).toBe('fleet: 1 VM is created, 1 port is taken');

    await project.git('checkout', '--quiet', '--', '.');
    const status = await project.git('status', '--porcelain');
    const inside = await buildfleet(['review', 'v1'], { cwd: project.path('rendered/fleet/vms') });
    expect(inside.stdout.toString().split('\n')[0]).toBe(summary);
    expect(await project.git('status', '--porcelain')).toBe(status);
  });

  test('a project in a directory of a larger repository', async () => {
    const project = await Project.of({});
    await project.git('mv', 'rendered', 'kept');
    mkdirSync(project.path('infra'));
    await project.git('mv', 'kept', 'infra/rendered');
    await project.commit();
    edit(project.path('infra/rendered/fleet/cdk.tf.json'), (plan) => plan.replace(/"cpus": 2/, '"cpus": 3'));
    mkdirSync(project.path('infra/constructs'));
    const { stdout } = await buildfleet(['review'], { cwd: project.path('infra/constructs') });
    expect(stdout.toString()).toContain('- CPUs 2 → 3\n');
  });

  test('line ends of a checkout are no change', async () => {
    const project = await Project.of({});
    edit(project.path('rendered/fleet/Makefile'), (before) => before.replaceAll('\n', '\r\n'));
    edit(project.path('rendered/fleet/fleet.json'), (before) => before.replaceAll('\n', '\r\n'));
    expect(await project.told()).toBe('nothing changes');
  });

  test('--json is what its schema describes', async () => {
    const project = await Project.of({});
    render(project.directory, { vms: { ...TWO, alpha: { memory: Size.gibibytes(4) } }, laptops: {} });
    const { stdout, exitCode } = await project.review('--json');
    const document = reviewSchema.parse(JSON.parse(stdout.toString()));
    expect(exitCode).toBe(0);
    expect(document).toMatchObject({
      base: { revision: 'HEAD', commit: await project.git('rev-parse', 'HEAD') },
      target: { revision: null, commit: null },
      directory: 'rendered',
      stacks: [
        {
          name: 'fleet',
          state: 'changed',
          findings: [{ category: 'vm-restarted', subject: 'alpha', details: ['memory 2048 MiB → 4096 MiB'] }, {}, {}],
        },
        { name: 'laptops', state: 'added' },
      ],
    });
  });

  test('--markdown is a comment in which names cannot become markup', async () => {
    const project = await Project.of({ vms: { alpha: {} } });
    render(project.directory, { vms: { alpha: { cpus: 4 } } });
    edit(project.path('rendered/fleet/cdk.tf.json'), (plan) =>
      plan.replace(
        '"tunnel_ports"',
        '"developers_note": "<img src=x> [a](b) `c` \\u001b[31m\\u001b[e\\u001b](f)\\n# d", "tunnel_ports"',
      ),
    );
    const told = await project.told('--markdown');
    expect(told.replace(/\([0-9a-f]{10}\)/, '(COMMIT)')).toBe(
      text(`
      **fleet: 1 VM is restarted, 1 change of the workstation**

      ### fleet: 1 VM is restarted, 1 change of the workstation

      - VM alpha (port 12221) is changed in place and restarted, its disk and keys stay
        - CPUs 2 → 4
      - developers note of the workstation changes (none → \\<img src=x\\> \\[a\\](b) \`c\` (f) \\# d)
      - the smoke test of alpha runs
      - deployed files of the fleet are written again: fleet.json

      <sub>rendered: HEAD (COMMIT) compared with the working tree</sub>
    `),
    );
  });
});

describeWithTools(['git'], 'review refuses in one line', () => {
  const refusal = async (project: Project, ...args: readonly string[]): Promise<readonly [number, string, string]> => {
    const { stdout, stderr, exitCode } = await project.review(...args);
    return [exitCode, stdout.toString(), stderr.replaceAll(project.directory, 'PROJECT').trimEnd()];
  };
  let project: Project;

  beforeEach(async () => {
    project = await Project.of({ vms: { alpha: {} } });
  });

  test.each(['nothing-of-that-name', 'HEAD~7', '', 'HEAD:rendered', '--output=x'])(
    'a base %j that is no commit',
    async (base) => {
      expect(await refusal(project, '--', base)).toEqual([
        3,
        '',
        `buildfleet: PROJECT: git knows no such commit here (received ${JSON.stringify(base)}): name a commit, branch or tag that is there, as \`git log\` does; \`git fetch\` brings those of others`,
      ]);
    },
  );

  test('a tree without rendered files, on either side', async () => {
    await project.git('rm', '-r', '--quiet', 'rendered');
    expect(await refusal(project)).toEqual([
      3,
      '',
      'buildfleet: rendered: there are no rendered files, so nothing can be said about what they change: run `npx cdktf synth`, which writes them, beside main.ts',
    ]);
    await project.commit();
    expect(await refusal(project, 'HEAD', '--to', 'HEAD~1')).toEqual([
      3,
      '',
      'buildfleet: HEAD:rendered: there are no rendered files, so nothing can be said about what they change: name a revision in which `rendered/` is committed, and run this in its project',
    ]);
  });

  test('a directory that is in no repository', async () => {
    rmSync(project.path('.git'), { recursive: true });
    expect(await refusal(project)).toEqual([
      1,
      '',
      'buildfleet: PROJECT: this is not the working tree of a git repository, so there is nothing to compare with: run this in the checkout of the project, beside main.ts',
    ]);
  });

  const remedy =
    'resolve its conflicts if it has any, run `npx cdktf synth`, which writes it again, or name another revision';

  test.each([
    ['cdk.tf.json', '<<<<<<< HEAD\n{}\n', /^not JSON: .*$/],
    ['cdk.tf.json', '{"resource": []}', /^resource: .*$/],
    ['fleet.json', '{"vms": [{"id": 1}]}', /^vms\.0\.id: .*$/],
    ['port-registry.yml', 'ports: {', /^the port registry is not YAML: .*$/],
  ])('%s that reads %j', async (file, content, problem) => {
    writeFileSync(project.path('rendered/fleet', file), content);
    const [exitCode, stdout, stderr] = await refusal(project);
    expect([exitCode, stdout, stderr.split('\n').length]).toEqual([3, '', 1]);
    const place = file.endsWith('.yml') ? `rendered/fleet/${file}:1` : `rendered/fleet/${file}`;
    expect(stderr.startsWith(`buildfleet: ${place}: `)).toBe(true);
    expect(stderr.endsWith(`: ${remedy}`)).toBe(true);
    expect(stderr.slice(`buildfleet: ${place}: `.length, -`: ${remedy}`.length)).toMatch(problem);

    await project.commit();
    const [, , ofRevision] = await refusal(project, 'HEAD~1', '--to', 'HEAD');
    expect(ofRevision.startsWith(`buildfleet: HEAD:${place}: `)).toBe(true);
  });

  test('a definition that cannot be read, where the image changes', async () => {
    render(project.directory, { vms: { alpha: {} }, image: { timezone: 'Etc/UTC' } });
    writeFileSync(project.path('rendered/fleet/haskell/definition.json'), '[]');
    const [exitCode, , stderr] = await refusal(project);
    expect(exitCode).toBe(3);
    expect(stderr).toMatch(/^buildfleet: rendered\/fleet\/haskell\/definition\.json: document: /);
  });

  test('a directory that lost its plan', async () => {
    rmSync(project.path('rendered/fleet/cdk.tf.json'));
    expect(await refusal(project)).toEqual([
      3,
      '',
      `buildfleet: rendered/fleet/cdk.tf.json: the file is missing in a directory that is rendered otherwise: ${remedy}`,
    ]);
  });

  test('two forms at once', async () => {
    const { stderr, exitCode } = await project.review('--json', '--markdown');
    expect(exitCode).toBe(2);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'usage' } });
  });
});

describeWithTools(['git'], 'review of a checkout in which the project itself is edited', () => {
  const PARTS = ['assets', 'constructs', 'scripts/ts-node.cjs', 'src', 'stacks'];
  const FILES = ['main.ts', 'package.json', 'tsconfig.json', 'port-registry.yml'];

  test('a script, a file that is installed, and main.ts', async () => {
    const project = new Project();
    for (const part of [...PARTS, ...FILES]) cpSync(join(REPOSITORY, part), project.path(part), { recursive: true });
    symlinkSync(join(REPOSITORY, 'node_modules'), project.path('node_modules'));
    const synth = () =>
      run(process.execPath, ['--require', './scripts/ts-node.cjs', 'main.ts'], {
        cwd: project.directory,
        env: { CI: '', TS_NODE_TRANSPILE_ONLY: 'true', CDKTF_OUTDIR: project.path('cdktf.out') },
      });
    await synth();
    await project.git('init', '--quiet', '--initial-branch=main');
    await project.commit();

    appendFileSync(project.path('assets/haskell/scripts/install-haskell.sh'), '# one more line\n');
    appendFileSync(project.path('assets/haskell/files/build-agent.service'), '# one more line\n');
    edit(project.path('main.ts'), (main) =>
      main
        .replace('cpus: 4,\n', 'cpus: 8,\n')
        .replace('cpus: 8, memory', 'cpus: 16, memory')
        .replace(
          "hypervisor: 'virtualbox',\n    capacity: { cpus: 8",
          "hypervisor: 'virtualbox',\n    capacity: { cpus: 16",
        ),
    );
    await synth();
    expect(await project.told()).toBe(
      text(`
      fleet: 1 image is rebuilt, 2 VMs are replaced; laptops: 1 image is rebuilt, 2 VMs are replaced

      fleet
        image haskell is rebuilt, unless the cache has it already (HASH → HASH)
          - script scripts/install-haskell.sh changes
          - file files/build-agent.service changes
        VM alpha (port 12221) is replaced: its disk and what lies under /build/ are lost, its keys and port stay
          - image haskell is rebuilt
        VM beta (port 12222) is replaced: its disk and what lies under /build/ are lost, its keys and port stay
          - image haskell is rebuilt
        the smoke tests of alpha and beta run
        deployed files of the fleet are written again: fleet.json

      laptops
        image haskell is rebuilt, unless the cache has it already (HASH → HASH)
          - script scripts/install-haskell.sh changes
          - file files/build-agent.service changes
        VM gamma (port 12223) is replaced: its disk and what lies under /build/ are lost, its keys and port stay
          - image haskell is rebuilt
          - CPUs 4 → 8
        VM delta (port 12224) is replaced: its disk and what lies under /build/ are lost, its keys and port stay
          - image haskell is rebuilt
          - CPUs 4 → 8
        the smoke tests of gamma and delta run
        deployed files of the fleet are written again: fleet.json
    `),
    );
  });
});
