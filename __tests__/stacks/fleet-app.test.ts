import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { BuildVm, type BuildVmProps } from '../../constructs/build-vm';
import { ghcup } from '../../constructs/ghcup';
import { HaskellBuildImage } from '../../constructs/haskell-build-image';
import type { DebianImageProps } from '../../constructs/private/debian-image';
import { Workstation } from '../../constructs/workstation';
import { Size } from '../../src/model/size';
import { FleetApp } from '../../stacks/fleet-app';
import { FleetStack } from '../../stacks/fleet-stack';
import { temporaryDirectory } from '../support/temporary-directory';
import { type Plan, TestFleet, type TestFleetOptions, planned } from '../support/test-fleet';

/** What is wrong with a fleet of these VMs. */
function problemsOf(
  vms: Readonly<Record<string, Partial<BuildVmProps>>>,
  options: TestFleetOptions = {},
): readonly string[] {
  const fleet = new TestFleet(options);
  for (const [id, props] of Object.entries(vms)) new BuildVm(fleet.stack, id, { ...fleet.standard, ...props });
  return fleet.app.problems();
}

function withRegistry(text: string): { directory: string } {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'port-registry.yml'), text);
  return { directory };
}

const line = (port: number, vm: string): string =>
  `  ${port}: {vm_name: haskell-build-${vm}, host_machine: local, status: reserved}\n`;

describe('what is wrong is said with construct path, value and remedy', () => {
  test('a sound fleet has no problems', () => {
    expect(problemsOf({ alpha: {}, beta: {} })).toEqual([]);
  });

  test('a name that is used twice', () => {
    const fleet = new TestFleet();
    new BuildVm(fleet.stack, 'alpha', fleet.standard);
    new BuildVm(fleet.stack, 'alpha', fleet.standard);
    expect(fleet.app.problems()).toEqual([
      'fleet/alpha~2: the name is used twice (received "alpha"): give one of the two another name',
    ]);
  });

  test('a name that is used twice is no port that is used twice', () => {
    const fleet = new TestFleet();
    const pinned = { ...fleet.standard, tunnelPort: 12225 };
    new BuildVm(fleet.stack, 'alpha', pinned);
    new BuildVm(fleet.image, 'alpha', pinned);
    expect(fleet.app.problems()).toEqual([
      expect.stringMatching(/: fleet\/alpha has the same name \(/),
      expect.stringMatching(/: fleet\/alpha has the same MAC address \(/),
    ]);
  });

  test('a VM of the same name elsewhere in the tree', () => {
    const fleet = new TestFleet();
    new BuildVm(fleet.stack, 'alpha', fleet.standard);
    new BuildVm(fleet.image, 'alpha', fleet.standard);
    expect(fleet.app.problems()).toContainEqual(
      expect.stringMatching(
        /^fleet\/alpha: fleet\/haskell\/alpha has the same name|^fleet\/haskell\/alpha: fleet\/alpha has the same name/,
      ),
    );
  });

  test.each(['Alpha', '1a', 'a_b', 'a/b', '../a', 'a\nb', '', 'a'.repeat(64)])('the name %j', (id) => {
    const problems = problemsOf({ [id]: {} });
    expect(problems[0]).toMatch(/^fleet\/\S+: a name must match \/\^\[a-z\]\[a-z0-9-\]\{0,62\}\$\/ \(received "/);
    expect(problems[0]).not.toContain('\n');
  });

  test('a name that is too long behind its prefix', () => {
    expect(problemsOf({ [`a${'b'.repeat(60)}`]: {} })[0]).toMatch(
      /: the VM's name is too long for a host name \(received "haskell-build-a/,
    );
  });

  test('names that ssh has for other machines', () => {
    expect(problemsOf({ localhost: {} })).toEqual([
      expect.stringMatching(/^fleet\/localhost: ssh reaches the workstation itself by this name/),
    ]);
    expect(problemsOf({ alpha: {}, 'haskell-build': {} })).toEqual([
      expect.stringMatching(/^fleet\/haskell-build: ssh reaches the default VM by this name/),
    ]);
    expect(problemsOf({ alpha: {}, 'haskell-build': { default: true } })).toEqual([]);
  });

  test('a MAC address that is used twice', () => {
    expect(problemsOf({ alpha: { mac: '52:54:00:00:00:01' }, beta: { mac: '52:54:00:00:00:01' } })).toEqual([
      'fleet/beta: fleet/alpha has the same MAC address (received "52:54:00:00:00:01"): give one of the two another mac, or none',
    ]);
  });

  test('a port that is used twice, or lies outside the range', () => {
    expect(problemsOf({ a: { tunnelPort: 12225 }, b: { tunnelPort: 12225 }, c: { tunnelPort: 13000 } })).toEqual([
      'fleet/b/tunnel: haskell-build-a has the same port (received 12225): pin another port, or none',
      "fleet/c/tunnel: the port is outside the workstation's tunnel ports 12221-12230 (received 13000): pin a port in that range, or widen tunnelPorts",
    ]);
  });

  test('more VMs than ports, with what a release would free', () => {
    const problems = problemsOf(
      { alpha: {}, beta: {} },
      {
        workstation: { tunnelPorts: { first: 12221, last: 12222 } },
        ...withRegistry(`ports:\n${line(12222, 'gone')}`),
      },
    );
    expect(problems).toEqual([
      'fleet/beta/tunnel: none of the tunnel ports 12221-12222 is left (received "haskell-build-beta"): ' +
        'free one with `buildfleet ports release 12222` (haskell-build-gone), or widen tunnelPorts of the workstation',
    ]);
  });

  test('a VM larger than its host, and VMs that are too much for it together', () => {
    const capacity = { cpus: 4, memory: Size.gibibytes(8) };
    expect(problemsOf({ alpha: { cpus: 8, memory: Size.gibibytes(16) } }, { capacity })).toEqual([
      "fleet/alpha: more CPUs than the host's 4 (received 8): lower it, or raise the capacity of fleet/local if the machine has it",
      'fleet/alpha: more memory than the host\'s 8192 MiB (received "16384 MiB"): lower it, or raise the capacity of fleet/local if the machine has it',
    ]);
    expect(problemsOf({ a: { cpus: 3 }, b: { cpus: 3 } }, { capacity })).toEqual([
      expect.stringMatching(
        /^fleet\/local: a, b together need more CPUs than the host's 4 \(received 6\): make VMs smaller/,
      ),
    ]);
  });

  test('an edited registry', () => {
    expect(problemsOf({}, withRegistry(`ports:\n${line(12221, 'a')}${line(12221, 'b')}  abc: {}\n`))).toEqual([
      expect.stringMatching(/^port-registry.yml:3: two VMs have port 12221: haskell-build-a and haskell-build-b/),
      expect.stringMatching(/^port-registry.yml:4: a key under `ports` is not a port \(received "abc"\)/),
    ]);
    expect(problemsOf({}, withRegistry('ports: {'))).toEqual([
      expect.stringMatching(/^port-registry.yml:1: .* is not YAML: /),
    ]);
  });

  test('a GHC that the distribution does not have', () => {
    const fleet = new TestFleet();
    HaskellBuildImage.debian(fleet.stack, 'old', { ghc: '8.0.1' });
    expect(fleet.app.problems()).toEqual([
      'fleet/old: Debian trixie does not have this ghc (received "8.0.1"): use one of: 9.6.6',
    ]);
  });

  test.each([
    [
      'a suite that there is no image of',
      { suite: 'bullseye' },
      /suite: .*received "bullseye"\): use one of: trixie, bookworm$/,
    ],
    [
      'a GHC of another suite',
      { suite: 'bookworm', ghc: '9.6.6' },
      /Debian bookworm .*"9\.6\.6"\): use one of: 9\.0\.2$/,
    ],
    [
      'GHCs of both sources',
      { ghc: '9.6.6', toolchain: ghcup() },
      /ghc is the distribution's.*leave out one of the two$/,
    ],
    ['a disk that is too small', { disk: Size.gibibytes(2) }, /disk: must be a size of whole MiB, from 4 GiB to 2 TiB/],
    [
      'a month that there is not',
      { snapshot: '20261399T000000Z', mirror: 'https://mirror.test/debian' },
      /snapshot: must be a time that there is, such as 20250520T000000Z .*20261399T000000Z/,
    ],
    [
      'half a version',
      { toolchain: ghcup({ ghc: '9.8' }) },
      /toolchain: must name full versions such as 9\.8\.4, which "9\.8" is not .*use ghcup\(\{/,
    ],
    ['a GHC twice', { toolchain: ghcup({ ghc: ['9.8.4', '9.8.4'] }) }, /toolchain: names GHC 9\.8\.4 twice/],
    ['GHCup as the Ubuntu image names it', { toolchain: 'ghcup' }, /toolchain.*received "ghcup"\): use ghcup\(\{/],
    [
      'a mirror that is no address',
      { toolchain: ghcup({ mirror: { programs: 'ftp://x' } }) },
      /toolchain\.mirror\.programs.*http or https URL/,
    ],
  ])('%s for a Debian image', (_, props, message) => {
    const fleet = new TestFleet();
    HaskellBuildImage.debian(fleet.stack, 'old', props as DebianImageProps);
    expect(fleet.app.problems()).toEqual([expect.stringMatching(message)]);
    expect(fleet.app.problems()[0]).toMatch(/^fleet\/old: /);
  });

  test.each([
    [[], '[]', 'ghc names no version'],
    [['9.8.4', ''], '""', 'ghc names what is no exact version'],
    ['latest', '"latest"', 'ghc names what is no exact version'],
  ])('ghcup({ ghc: %j }) is refused with what it received', (ghc, received, problem) => {
    let refusal: unknown;
    try {
      ghcup({ ghc });
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toMatchObject({
      place: 'ghcup',
      received,
      problem,
      remedy: expect.stringMatching(/^name each in full/),
    });
  });

  test.each([
    ['a newline', { packages: ['vim\nrm'] }],
    ['a way out of a directory', { timezone: '../../etc/passwd' }],
    ['a way out of a directory in a URL', { mirror: 'file:///srv/../etc' }],
  ])('%s in what describes an image', (_, props) => {
    const fleet = new TestFleet();
    HaskellBuildImage.debian(fleet.stack, 'odd', props);
    expect(fleet.app.problems()).toEqual([
      expect.stringMatching(/^fleet\/odd: \w+(\.\d)?: must not contain .* \(received "/),
    ]);
  });

  test.each([
    [{ developers: ['~/.ssh/../../x.pub'] }],
    [{ developers: ['~/.ssh/a\n.pub'] }],
    [{ sshConfig: '~/../other/.ssh/config' }],
    [{ sshdPort: 80 }],
    [{ tunnelPorts: { first: 12230, last: 12221 } }],
    [{ sshdPort: 12225 }],
    [{ hubPort: 12220 }],
  ])('the workstation %j', (workstation) => {
    expect(problemsOf({}, { workstation })).toEqual([
      expect.stringMatching(/^fleet\/workstation: .* \(received .*\): \w/),
    ]);
  });

  test('a state directory that leads elsewhere', () => {
    expect(problemsOf({}, { stack: { stateDirectory: '~/a/../../b' } })).toEqual([
      expect.stringMatching(
        /^fleet: stateDirectory: must not contain a \.\.\/ step \(received "~\/a\/\.\.\/\.\.\/b"\): /,
      ),
    ]);
  });

  test.each<[object, string]>([
    [
      { nullProvider: 'none' },
      'fleet: nullProvider: invalid option: expected one of "bundled"|"registry" (received "none"): use one of: bundled, registry',
    ],
    [
      { stateDirectry: '~/x' },
      'fleet: there is no property stateDirectry (received "stateDirectry"): use one of stateDirectory, cacheDirectory, nullProvider',
    ],
    [
      { stateDirectory: 1 },
      'fleet: stateDirectory: invalid input: expected string, received number (received 1): give an absolute path, or one below the home directory, ~/…',
    ],
  ])('the stack %j, in the words that other constructs have', (stack, problem) => {
    expect(problemsOf({}, { stack: stack })).toEqual([problem]);
  });

  test('a second workstation, a second stack of the same name', () => {
    const fleet = new TestFleet();
    Workstation.embedded(fleet.stack, 'other', {});
    new FleetStack(fleet.app, 'fleet');
    expect(fleet.app.problems()).toEqual([
      'fleet/other: a fleet has one workstation (received "other"): use fleet/workstation, or declare another FleetStack',
      expect.stringMatching(/^app: the name of a stack must match .* and be used once \(received "fleet"\)/),
    ]);
  });

  test('two fleets of an app whose services want the same port', () => {
    const fleet = new TestFleet();
    const { sshdPort, hubPort } = fleet.standard.workstation;
    Workstation.embedded(new FleetStack(fleet.app, 'other'), 'desk', { sshdPort: hubPort, hubPort: 18_999 });
    Workstation.embedded(new FleetStack(fleet.app, 'third'), 'desk', { sshdPort, hubPort: 18_999 });
    const remedy = 'give each fleet of the app ports of its own';
    expect(fleet.app.problems()).toEqual([
      `other/desk: sshdPort is also hubPort of fleet/workstation (received ${hubPort}): ${remedy}`,
      `third/desk: sshdPort is also sshdPort of fleet/workstation (received ${sshdPort}): ${remedy}`,
      `third/desk: hubPort is also hubPort of other/desk (received 18999): ${remedy}`,
    ]);
  });

  // ts-node does not check types, so that this is what an operator's slip meets
  test('props of the wrong kind, or none', () => {
    const fleet = new TestFleet();
    const { workstation, image } = fleet.standard;
    new BuildVm(fleet.stack, 'a', { ...fleet.standard, memroy: 1 } as unknown as BuildVmProps);
    new BuildVm(fleet.stack, 'b', { workstation, image } as unknown as BuildVmProps);
    new BuildVm(fleet.stack, 'c', { ...fleet.standard, memory: 2048 } as unknown as BuildVmProps);
    new BuildVm(fleet.stack, 'd', undefined as unknown as BuildVmProps);
    expect(fleet.app.problems()).toEqual([
      expect.stringMatching(/^fleet\/a: there is no property memroy \(received "memroy"\): use one of workstation, /),
      "fleet/b: host: must be a VmHost (received undefined): pass one, VmHost.local(fleet, 'local', {…})",
      'fleet/c: memory: must be a size, Size.mebibytes(2048) (received 2048): give a size, Size.gibibytes(2)',
      expect.stringMatching(/^fleet\/d: props: /),
    ]);
  });

  test('a workstation and a host that changed places', () => {
    const fleet = new TestFleet();
    const { workstation, host, image } = fleet.standard;
    new BuildVm(fleet.stack, 'alpha', { workstation: host, host: workstation, image } as unknown as BuildVmProps);
    expect(fleet.app.problems()).toEqual([
      expect.stringMatching(/^fleet\/alpha: workstation: must be a Workstation \(received "fleet\/local"\): /),
      expect.stringMatching(/^fleet\/alpha: host: must be a VmHost \(received "fleet\/workstation"\): /),
    ]);
  });

  test('all of it in one run, and nothing is written', () => {
    const fleet = new TestFleet(withRegistry('ports:\n  abc: {}\n'));
    new BuildVm(fleet.stack, 'Beta', fleet.standard);
    new BuildVm(fleet.stack, 'c', { ...fleet.standard, cpus: 999, mac: '00:00:00:00:00:01' });
    new BuildVm(fleet.stack, 'd', { ...fleet.standard, tunnelPort: 20000, mac: '00:00:00:00:00:01' });
    HaskellBuildImage.debian(fleet.stack, 'old', { ghc: '8.0.1' });
    expect(fleet.app.problems().map((problem) => problem.split(': ')[0])).toEqual([
      'port-registry.yml:2',
      'fleet/Beta',
      'fleet/c',
      'fleet/d',
      'fleet/d/tunnel',
      'fleet/old',
    ]);
    expect(() => {
      fleet.app.render();
    }).toThrow(/^6 things are wrong with the fleet:\n {2}- port-registry\.yml:2: /);
    expect(readdirSync(fleet.directory).sort()).toEqual(['cdktf.out', 'port-registry.yml']);
    expect(existsSync(join(fleet.directory, 'cdktf.out/manifest.json'))).toBe(false);
  });
});

describe('the port registry is a lock file', () => {
  const withVms = (ids: readonly string[], options: TestFleetOptions): TestFleet => {
    const fleet = new TestFleet(options);
    for (const id of ids) new BuildVm(fleet.stack, id, fleet.standard);
    return fleet;
  };

  test('a removed VM keeps its port, and has it again when it comes back', () => {
    const directory = temporaryDirectory();
    withVms(['alpha', 'beta'], { directory }).app.render();
    const before = readFileSync(join(directory, 'port-registry.yml'), 'utf8');
    withVms(['gamma', 'alpha'], { directory }).app.render();
    const fleet = withVms(['beta', 'alpha'], { directory });
    const plan = fleet.plan();
    expect(planned(plan, 'buildfleet_vm.alpha').tunnel_port).toBe(12221);
    expect(planned(plan, 'buildfleet_vm.beta').tunnel_port).toBe(12222);
    expect(before).not.toContain('gamma');
    expect(fleet.registry()).toContain('12223:\n    vm_name: haskell-build-gamma');
  });

  test('in CI a registry that would change is an error that names the command, and stays as it is', () => {
    const directory = temporaryDirectory();
    withVms(['alpha'], { directory }).app.render();
    const fleet = withVms(['alpha', 'beta'], { directory, ci: true });
    const before = fleet.registry();
    expect(fleet.app.problems()).toEqual([
      expect.stringMatching(/^port-registry.yml: .*: run `npx cdktf synth` without CI and commit the file$/),
    ]);
    expect(() => {
      fleet.app.render();
    }).toThrow();
    expect(fleet.registry()).toBe(before);
  });

  test('a registry that says the right thing in other words keeps them', () => {
    const directory = temporaryDirectory();
    const text = `# ours\nports: {12221: {status: reserved, host_machine: local, vm_name: haskell-build-alpha}}\n`;
    writeFileSync(join(directory, 'port-registry.yml'), text);
    const fleet = withVms(['alpha'], { directory, ci: true });
    fleet.app.render();
    expect(fleet.registry()).toBe(text);
  });

  test('in CI a registry that is right is no problem', () => {
    const directory = temporaryDirectory();
    withVms(['alpha'], { directory }).app.render();
    withVms(['alpha'], { directory, ci: true }).app.render();
  });
});

describe('what synth writes', () => {
  test('files of a removed VM go, and so do stray files beside them', () => {
    const directory = temporaryDirectory();
    const fleet = new TestFleet({ directory });
    new BuildVm(fleet.stack, 'alpha', fleet.standard);
    new BuildVm(fleet.stack, 'beta', fleet.standard);
    fleet.app.render();
    writeFileSync(join(directory, 'rendered/fleet/vms/beta/stray'), '');
    mkdirSync(join(directory, 'cdktf.out/stacks/fleet/.terraform'));
    writeFileSync(join(directory, 'cdktf.out/stacks/fleet/.terraform/kept'), '');

    const after = new TestFleet({ directory });
    new BuildVm(after.stack, 'alpha', after.standard);
    after.app.render();
    for (const root of ['rendered/fleet', 'cdktf.out/stacks/fleet']) {
      expect(readdirSync(join(directory, root, 'vms'))).toEqual(['alpha']);
      expect(readdirSync(join(directory, root, 'ops-bridge/tunnels'))).toEqual(['haskell-build-alpha.yml']);
    }
    expect(existsSync(join(directory, 'cdktf.out/stacks/fleet/.terraform/kept'))).toBe(true);
  });

  test('permissions do not depend on the umask', () => {
    const before = process.umask(0o077);
    try {
      const fleet = new TestFleet();
      fleet.app.render();
      const mode = (path: string): number => statSync(join(fleet.directory, 'rendered/fleet', path)).mode & 0o777;
      expect(mode('fleet.json')).toBe(0o644);
      expect(mode('smoke-test.sh')).toBe(0o755);
    } finally {
      process.umask(before);
    }
  });

  test('equal files are left alone', () => {
    const fleet = new TestFleet();
    fleet.app.render();
    const file = join(fleet.directory, 'rendered/fleet/fleet.json');
    const before = statSync(file).mtimeMs;
    new TestFleet({ directory: fleet.directory }).app.render();
    expect(statSync(file).mtimeMs).toBe(before);
  });
});

describe('an output of its own, as `cdktf diff --output DIR` has it', () => {
  const projectDirectory = temporaryDirectory();
  const synthesizeTo = (outdir: string): string => {
    const app = new FleetApp(projectDirectory, { ci: false, outdir });
    const stack = new FleetStack(app, 'fleet');
    Workstation.embedded(stack, 'workstation');
    app.render();
    return realpathSync(join(outdir, 'stacks/fleet'));
  };
  const statePath = (directory: string): string => resolve(directory, statePathText(directory));
  const rendered = (): string => readFileSync(join(projectDirectory, 'rendered/fleet/cdk.tf.json'), 'utf8');

  test('has the state beside main.ts, finds the CLI, and renders the same', () => {
    const usual = synthesizeTo(join(projectDirectory, 'cdktf.out'));
    const before = rendered();
    const linked = join(temporaryDirectory(), 'link');
    symlinkSync(temporaryDirectory(), linked);
    mkdirSync(join(projectDirectory, 'bin'));
    writeFileSync(join(projectDirectory, 'bin/buildfleet'), '#!/bin/sh\necho "found $1"\n', { mode: 0o755 });
    for (const outdir of [join(projectDirectory, 'a b'), join(temporaryDirectory(), 'out "of" $HOME'), linked]) {
      const directory = synthesizeTo(outdir);
      expect(statePath(directory)).toBe(statePath(usual));
      expect(statePath(directory)).toBe(join(realpathSync(projectDirectory), 'terraform.fleet.tfstate'));
      expect(rendered()).toBe(before);
      const env = { PATH: '/usr/bin:/bin' };
      expect(execFileSync('bash', ['./smoke-test.sh', 'vm'], { cwd: directory, env, encoding: 'utf8' })).toBe(
        'found smoke\n',
      );
    }
  });

  test("forgets Terraform's note of another state, and keeps that of this one", () => {
    const outdir = temporaryDirectory();
    const directory = synthesizeTo(outdir);
    const note = join(directory, '.terraform/terraform.tfstate');
    mkdirSync(join(directory, '.terraform'));
    writeFileSync(note, JSON.stringify({ backend: { config: { path: statePathText(directory) } } }));
    synthesizeTo(outdir);
    expect(existsSync(note)).toBe(true);
    writeFileSync(note, JSON.stringify({ backend: { config: { path: '../../../terraform.fleet.tfstate' } } }));
    synthesizeTo(outdir);
    expect(existsSync(note)).toBe(false);
  });
});

/** As the configuration spells it. */
function statePathText(directory: string): string {
  const plan = JSON.parse(readFileSync(join(directory, 'cdk.tf.json'), 'utf8')) as Plan;
  return plan.terraform['backend']!['local']!['path']!;
}
