import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { BuildVm } from '../../constructs/build-vm';
import { HaskellBuildImage } from '../../constructs/haskell-build-image';
import { VmHost } from '../../constructs/vm-host';
import { Size } from '../../src/model/size';
import { run } from '../../src/process/run';
import { describeWithTools } from '../support/tools';
import { temporaryDirectory } from '../support/temporary-directory';
import { TestFleet } from '../support/test-fleet';

const PACKAGES = ['git', 'jq', 'rsync'];

/** Of a VM's script: its appliance, and its owner tag. */
const VBOXMANAGE_LINES = [
  'VBoxManage import "${HOME}/.cache/buildfleet/images/HASH/disk.ova" \\',
  'VBoxManage setextradata "${machine}" buildfleet/owner "fleet=fleet vm=${id} image=HASH machine=${machine}"',
];

type Kind = 'debian' | 'ubuntu';

/** What reviewers compare: a fleet before the change of a package and after it. */
interface Change {
  /** sha256 of the changed image's definition. */
  readonly before: string;
  readonly after: string;
  /** Of each file that differs, the lines that went and those that came. */
  readonly files: Readonly<Record<string, readonly string[]>>;
}

/** The image of the kind has a VM on VirtualBox; beside it stands a VM on QEMU of an image that stays as it is. */
function render(directory: string, kind: Kind, packages: readonly string[]): string {
  mkdirSync(directory);
  const fleet = new TestFleet({ directory });
  const host = VmHost.local(fleet.stack, 'laptop', {
    hypervisor: 'virtualbox',
    network: 'nat',
    capacity: { cpus: 4, memory: Size.gibibytes(8) },
  });
  const image = HaskellBuildImage[kind](fleet.stack, kind, { packages });
  new BuildVm(fleet.stack, 'alpha', fleet.standard);
  new BuildVm(fleet.stack, 'gamma', { workstation: fleet.workstation, host, image });
  fleet.app.render();
  return image.definitionHash;
}

/** Exchanges one package of the image for another, and has the two rendered trees compared. */
async function changePackage(kind: Kind): Promise<Change> {
  const root = temporaryDirectory();
  const before = render(join(root, 'before'), kind, PACKAGES);
  const after = render(
    join(root, 'after'),
    kind,
    PACKAGES.map((name) => (name === 'jq' ? 'ripgrep' : name)),
  );
  // beside rendered/ only the port registry is committed
  const compare = ['-ru', '--new-file', '--exclude=cdktf.out', 'before', 'after'];
  const { stdout: diff } = await run('diff', compare, { cwd: root, acceptExitCodes: [1], env: { LC_ALL: 'C' } });
  process.stderr.write(`another package in HaskellBuildImage.${kind}:\n${diff}\n`);
  return { before, after, files: changedLines(diff) };
}

function changedLines(diff: string): Record<string, string[]> {
  const files: Record<string, string[]> = {};
  for (const part of diff.split(/^diff .*\n/m).slice(1)) {
    const [removed = '', added = '', ...lines] = part.split('\n');
    const name = /^\+{3} after\/(\S+)/.exec(added)?.[1] ?? removed;
    files[name] = lines.flatMap((line) => (/^[-+]/.test(line) ? [`${line.charAt(0)} ${line.slice(1).trim()}`] : []));
  }
  return files;
}

/** A line with a definition's hash in it, as it was and as it is. */
function replaced({ before, after }: Change, line: string): string[] {
  return [`- ${line.replace('HASH', before)}`, `+ ${line.replace('HASH', after)}`];
}

describeWithTools(['diff'], 'another package in an image changes what is rendered of it, and nothing else', () => {
  test('debian', async () => {
    const change = await changePackage('debian');
    expect(change.files).toEqual({
      'rendered/fleet/debian/definition.json': ['- "jq",', '+ "ripgrep",'],
      'rendered/fleet/cdk.tf.json': [
        // the disk, and the appliance made of it
        ...replaced(change, '"definition_hash": "HASH",'),
        ...replaced(change, '"definition_hash": "HASH",'),
        ...replaced(change, '"image_hash": "HASH",'),
      ],
      'rendered/fleet/fleet.json': replaced(change, '"definitionHash": "HASH",'),
      'rendered/fleet/vms/gamma/vboxmanage.sh': VBOXMANAGE_LINES.flatMap((line) => replaced(change, line)),
    });
  });

  test('ubuntu', async () => {
    const change = await changePackage('ubuntu');
    const sha256 = expect.stringMatching(/^[-+] "sha256": "[0-9a-f]{64}",$/) as string;
    expect(change.files).toEqual({
      // the template lists the packages, and the definition lists the template
      'rendered/fleet/ubuntu/definition.json': ['- "jq",', '+ "ripgrep",', sha256, sha256],
      'rendered/fleet/ubuntu/haskell-build.pkr.hcl': [
        '- default     = ["git", "jq", "rsync"]',
        '+ default     = ["git", "ripgrep", "rsync"]',
      ],
      'rendered/fleet/cdk.tf.json': [
        ...replaced(change, '"definition_hash": "HASH",'),
        ...replaced(change, '"image_hash": "HASH",'),
      ],
      'rendered/fleet/fleet.json': replaced(change, '"definitionHash": "HASH",'),
      'rendered/fleet/vms/gamma/vboxmanage.sh': VBOXMANAGE_LINES.flatMap((line) => replaced(change, line)),
    });
  });
});
