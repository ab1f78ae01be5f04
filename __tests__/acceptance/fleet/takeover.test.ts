import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../../src/process/run';
import { cachedDebian } from '../image/cached-image';
import { FleetProject, withOneCpu } from '../../support/fleet-project';
import { RunningFleet } from '../../support/running-fleet';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools } from '../../support/tools';

const LIMIT = 20 * 60_000;
const REPOSITORY = join(__dirname, '../../..');
/** What a VM is made with: another version of it is another image, and so another VM. */
const IMAGE_ASSETS = ['haskell', 'debian'];
const CODE = ['src', 'constructs', 'stacks'];

/** The code as it was before it moved below src/, with dependencies. */
async function earlierCheckout(directory: string): Promise<string> {
  const checkout = join(directory, 'earlier');
  mkdirSync(checkout);
  const git = async (args: readonly string[]) => (await run('git', args, { cwd: REPOSITORY })).stdout.trim();
  const move = await git([
    'log',
    '-1',
    '--format=%H',
    '--diff-filter=D',
    '--no-renames',
    '--',
    'rendering/vboxmanage.ts',
  ]);
  await git(['archive', '--format=tar', '-o', join(directory, 'earlier.tar'), `${move}^`]);
  await run('tar', ['-xf', join(directory, 'earlier.tar'), '-C', checkout]);
  symlinkSync(join(REPOSITORY, 'node_modules'), join(checkout, 'node_modules'));
  return checkout;
}

/** The code as it is, with the image of an earlier checkout. */
function withImageOf(earlier: string, directory: string): string {
  const checkout = join(directory, 'now');
  mkdirSync(join(checkout, 'assets'), { recursive: true });
  for (const entry of readdirSync(REPOSITORY)) {
    if (['assets', '.git', 'dist'].includes(entry)) continue;
    // Code finds the assets beside itself, wherever a link to it stands.
    if (CODE.includes(entry)) cpSync(join(REPOSITORY, entry), join(checkout, entry), { recursive: true });
    else symlinkSync(join(REPOSITORY, entry), join(checkout, entry));
  }
  for (const entry of readdirSync(join(REPOSITORY, 'assets'))) {
    const from = IMAGE_ASSETS.includes(entry) ? earlier : REPOSITORY;
    cpSync(join(from, 'assets', entry), join(checkout, 'assets', entry), { recursive: true });
  }
  return checkout;
}

describeWithTools(['terraform', 'git', 'qemu-system-x86_64', 'mmdebstrap'], 'a fleet deployed by earlier code', () => {
  const directory = temporaryDirectory();
  let project: FleetProject;
  let fleet: RunningFleet;
  let earlier: string;

  beforeAll(async () => {
    await cachedDebian('qcow2');
    earlier = await earlierCheckout(directory);
    project = new FleetProject({ sshd: 13920, hub: 13900, first: 13921, last: 13930 }, earlier);
    project.editMain(withOneVm);
    fleet = new RunningFleet(project);
  }, LIMIT);

  afterAll(async () => {
    await project.cdktf('destroy', { acceptExitCodes: [0, 1] });
    project.remove();
  }, LIMIT);

  const keys = () =>
    readdirSync(project.paths.identities, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => [entry.name, readFileSync(join(entry.parentPath, entry.name), 'utf8')]);

  test(
    'is taken over by the first deploy: no VM and no key is replaced, and a second deploy changes nothing',
    async () => {
      await project.cdktf('deploy');
      const before = { qemu: fleet.qemu('alpha'), keys: keys(), hub: await fleet.hubEntries('alpha') };
      project.useCode(withImageOf(earlier, directory));
      project.editMain((main) => withPackages(earlier, withOneVm(main)));

      const { stdout: planned } = await project.cdktf('diff');
      expect(planned).toMatch(/No changes\.|\d+ to add, \d+ to change, 0 to destroy/);
      expect(planned).not.toMatch(/must be replaced|will be destroyed/);

      await project.cdktf('deploy');
      const vm = await fleet.untilUsable('alpha', 120);
      expect(vm.power.state).toBe('running');
      expect(keys()).toEqual(before.keys);
      expect(fleet.qemu('alpha')).toBe(before.qemu);
      expect((await fleet.hubEntries('alpha')).map(({ id }) => id)).toEqual(before.hub.map(({ id }) => id));
      expect((await project.cdktf('diff')).stdout).toContain('No changes');
    },
    LIMIT,
  );
});

/** With the packages that an image had by default in the earlier checkout: other ones are another image, too. */
function withPackages(earlier: string, main: string): string {
  const definitions = readFileSync(join(earlier, 'model/image-definition.ts'), 'utf8');
  const packages = /DEFAULT_IMAGE_PACKAGES = (\[[^\]]*\])/.exec(definitions)?.[1];
  return main.replace(
    "HaskellBuildImage.debian(fleet, 'haskell')",
    `HaskellBuildImage.debian(fleet, 'haskell', { packages: ${packages} })`,
  );
}

function withOneVm(main: string): string {
  return withOneCpu(main).replace("new BuildVm(fleet, 'beta', standard);\n", '');
}
