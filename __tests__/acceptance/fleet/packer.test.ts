import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../../src/process/run';
import { sha256OfFile } from '../../../src/images/cache';
import { renderMetaData } from '../../../src/rendering/seed';
import { toYaml } from '../../../src/rendering/yaml';
import { cachedDebian } from '../image/cached-image';
import { AUDIT_TOOLS, auditDisk } from '../image/support/audit';
import { FleetProject, type FleetPorts } from '../../support/fleet-project';
import { argvsOfProcesses, RunningFleet } from '../../support/running-fleet';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools } from '../../support/tools';
import { until } from '../../support/until';

const LIMIT = 20 * 60_000;
const PORTS: FleetPorts = { sshd: 13620, hub: 13600, first: 13621, last: 13630 };

/** The fleet of one VM whose image Packer builds, from a disk that boots instead of an installer. */
function mainWith(variables: Readonly<Record<string, string>>): string {
  const { sshd, hub, first, last } = PORTS;
  return `import { BuildVm } from './constructs/build-vm';
import { HaskellBuildImage } from './constructs/haskell-build-image';
import { VmHost } from './constructs/vm-host';
import { Workstation } from './constructs/workstation';
import { Size } from './src/model/size';
import { FleetApp } from './stacks/fleet-app';
import { FleetStack } from './stacks/fleet-stack';

const app = new FleetApp(__dirname);
const fleet = new FleetStack(app, 'fleet');
const ports = { sshdPort: ${sshd}, hubPort: ${hub}, tunnelPorts: { first: ${first}, last: ${last} } };
const workstation = Workstation.embedded(fleet, 'workstation', ports);
const host = VmHost.local(fleet, 'local', { capacity: { cpus: 2, memory: Size.gibibytes(2) } });
const image = HaskellBuildImage.ubuntu(fleet, 'haskell', {
  ...{ builder: 'qemu', toolchain: 'distribution', ghc: '9.6.6', cabal: '3.10.3.0' },
  overlays: [{ target: '/etc/a new place/rules', file: 'rules', mode: '0640' }],
  variables: ${JSON.stringify(variables)},
});
new BuildVm(fleet, 'alpha', { workstation, host, image, cpus: 1, memory: Size.mebibytes(2048) });

app.synth();
`;
}

describeWithTools(
  ['terraform', 'packer', 'qemu-system-x86_64', 'mmdebstrap', 'xorriso', 'sshd', ...AUDIT_TOOLS],
  'an image that Packer builds',
  () => {
    const project = new FleetProject(PORTS);
    const fleet = new RunningFleet(project);
    const directory = temporaryDirectory();
    const key = join(directory, 'key');

    beforeAll(async () => {
      const base = await cachedDebian();
      await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
      writeFileSync(join(directory, 'user-data'), rootsSeed(readFileSync(`${key}.pub`, 'utf8')));
      writeFileSync(join(directory, 'meta-data'), renderMetaData({ instanceId: 'build', hostName: 'build' }));
      writeFileSync(join(project.directory, 'rules'), 'as in the project\n');
      writeFileSync(
        join(project.directory, 'main.ts'),
        mainWith({
          iso_urls: JSON.stringify([`file://${base.path}`]),
          iso_checksum: `sha256:${await sha256OfFile(base.path)}`,
          disk_image: 'true',
          boot_command: '[]',
          // nothing is typed, and the boot takes longer: time for QEMU to start beside another suite
          boot_wait: '25s',
          seed_files: JSON.stringify([join(directory, 'user-data'), join(directory, 'meta-data')]),
          ssh_username: 'root',
          ssh_private_key_file: key,
          sudo: '',
          // all are in the disk, and a test machine need not reach an archive
          packages: '[]',
          ...{ memory: '1024', cpus: '1', accelerator: 'tcg', qemu_arguments: '[["-cpu", "qemu64,-cx16"]]' },
        }),
      );
    }, LIMIT);

    afterAll(async () => {
      await project.cdktf('destroy', { acceptExitCodes: [0, 1] });
      project.remove();
    }, LIMIT);

    test(
      'runs the provisioning scripts in a machine, and the VM made from it registers',
      async () => {
        const log = join(directory, 'deploy.log');
        const deployed = project.cdktf('deploy', { env: { TF_LOG_PROVIDER: 'info', TF_LOG_PATH: log } });
        const none = deployed.then((): readonly string[] => []);
        const argv = await Promise.race([until("Packer's QEMU runs", 300, packersQemu), none]);
        await deployed;

        // what others on this machine, and the machine itself, reach of a build
        expect(argv[argv.indexOf('-vnc') + 1]).toMatch(/^127\.0\.0\.1:\d+,password/);
        expect(argv[argv.indexOf('-netdev') + 1]).toMatch(/,hostfwd=tcp:127\.0\.0\.1:\d+-:22$/);
        expect(argv.filter((word) => word.includes('hostfwd'))).toHaveLength(1);
        const steps = readFileSync(log, 'utf8');
        const ofImage = steps.split('\n').filter((line) => line.includes('tf_resource_type=buildfleet_image'));
        process.stderr.write(
          `what Packer did:\n${ofImage.map((line) => line.replace(/^.*?v\d\S*: /, '')).join('\n')}\n`,
        );
        for (const script of ['install-haskell.sh', 'install-agent.sh', 'generalize.sh']) {
          expect(steps).toMatch(new RegExp(`Provisioning with shell script: \\S*/${script}`));
        }
        const alpha = await until('alpha is usable', 60, async () => {
          const vm = await fleet.vm('alpha');
          return vm.usable && vm;
        });
        expect(alpha.hubEntry).toMatchObject({ state: 'fresh', ghcVersions: ['9.6.6'] });
        const entries = await fleet.hubEntries('alpha');
        expect(entries).toHaveLength(1);
        process.stderr.write(`hub entry of the VM of Packer's image: ${JSON.stringify(entries[0])}\n`);
      },
      LIMIT,
    );

    test(
      'leaves nothing of the build in the image, and has the overlay of the project in it',
      async () => {
        const { root, findings } = await auditDisk(imagePath(), join(directory, 'audit'));
        expect(findings).toEqual([]);
        const overlay = join(root, 'etc/a new place/rules');
        expect([statSync(overlay).mode & 0o777, readFileSync(overlay, 'utf8')]).toEqual([0o640, 'as in the project\n']);
      },
      LIMIT,
    );

    test(
      'is built once',
      async () => {
        const before = await sha256OfFile(imagePath());
        const { stdout } = await project.cdktf('diff');
        expect(stdout).toContain('No changes.');
        expect(await sha256OfFile(imagePath())).toBe(before);
      },
      LIMIT,
    );

    /** Command line of the QEMU that Packer has started for this project. */
    function packersQemu(): readonly string[] | undefined {
      return argvsOfProcesses().find((argv) => argv.includes('-vnc') && argv.join(' ').includes(project.home));
    }

    function imagePath(): string {
      const state = JSON.parse(project.state()) as {
        resources: { type: string; instances: { attributes: { artifact_path: string } }[] }[];
      };
      return state.resources.find(({ type }) => type === 'buildfleet_image')!.instances[0]!.attributes.artifact_path;
    }
  },
);

/** Lets root in by the key, into a disk whose sshd has another account for its developers. */
function rootsSeed(publicKey: string): string {
  const file = (path: string, content: string) => ({ path, owner: 'root:root', permissions: '0644', content });
  return `#cloud-config\n${toYaml({
    disable_root: false,
    write_files: [
      file(
        '/etc/ssh/sshd_config.d/00-buildfleet-build-time.conf',
        'AllowUsers root\nPermitRootLogin prohibit-password\n',
      ),
      file('/etc/ssh/authorized_keys.d/root', publicKey),
    ],
  })}`;
}
