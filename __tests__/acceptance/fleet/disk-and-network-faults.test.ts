import { closeSync, existsSync, openSync, readdirSync, readSync, statSync, truncateSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CDK_COMMAND } from '../../../src/model/cdk-command';
import { CommandError, run } from '../../../src/process/run';
import { cachedDebian } from '../image/cached-image';
import { FleetProject, withOneCpu } from '../../support/fleet-project';
import { MountedDirectory } from '../../support/mounted-directory';
import { processesMatching, RunningFleet } from '../../support/running-fleet';
import { describeWithTools } from '../../support/tools';
import { until } from '../../support/until';

const DEPLOY = 15 * 60 * 1000;

const TOOLS = ['terraform', 'qemu-system-x86_64', 'qemu-img', 'mmdebstrap', 'sshd', 'mount', 'unshare'];

const CDKTF = join(__dirname, '../../../node_modules/.bin', CDK_COMMAND);

/** A port that nothing listens on. */
const MIRROR = 'http://127.0.0.1:9/debian';

/** Name of a finished image's directory in the cache. */
const IMAGE = /^[0-9a-f]{64}$/;

// Each test begins with what the one before has left, so that every deploy shows at the same time that it recovers.
describeWithTools(TOOLS, 'a deploy onto a bad disk or network', () => {
  const project = new FleetProject({ sshd: 18220, hub: 18200, first: 18221, last: 18230 });
  const fleet = new RunningFleet(project);
  const images = join(project.home, '.cache/buildfleet/images');
  const vm = project.paths.vm('haskell-build-alpha');
  let cache: MountedDirectory;
  let state: MountedDirectory;
  let size = 0;

  beforeAll(async () => {
    project.editMain(withOneCpu);
    project.editMain((text) => text.replace(/^.*new BuildVm\(\w+, 'beta'.*\n/m, ''));
    // The first hides the cache that the suites share.
    cache = await MountedDirectory.mount(join(project.home, '.cache'), 64);
    state = await MountedDirectory.mount(join(project.home, '.local/state'), 64);
  });

  afterAll(async () => {
    await project.cdktf('destroy', { acceptExitCodes: [0, 1] });
    await Promise.all([cache.unmount(), state.unmount()]);
    project.remove();
  }, 180_000);

  /** What stands in the image cache. */
  const cached = () => (existsSync(images) ? readdirSync(images) : []);
  /** The disk of the one image in it. */
  const disk = () => join(images, cached().find((name) => IMAGE.test(name)) ?? '', 'disk.qcow2');

  test(
    'reports a read-only state directory and a cache without room in one run, and leaves nothing',
    async () => {
      await state.makeReadOnly();

      const output = await failingDeploy(project);

      expect(output).toContain('the file system is read-only');
      expect(output).toContain('Mount it writable, or choose another directory, then deploy again');
      expect(output).toContain(`${state.path}/buildfleet`);
      expect(output).toMatch(/\d+ MiB are free, and building an image takes [\d.]+ [MG]iB there/);
      expect(output).toContain('Free some space, then deploy again');
      expect(output).not.toContain('defect');
      expect(readdirSync(state.path)).toEqual([]);
      expect(cached()).toEqual([]);
    },
    DEPLOY,
  );

  test(
    'names the mirror that cannot be reached, and makes everything else',
    async () => {
      await Promise.all([state.makeWritable(), cache.resize(6000)]);
      const declaration = "HaskellBuildImage.debian(fleet, 'haskell'";
      project.editMain((text) => text.replace(`${declaration})`, `${declaration}, { mirror: '${MIRROR}' })`));

      const output = await failingDeploy(project);

      expect(output).toContain('the Debian mirror could not be read: Could not connect to 127.0.0.1:9');
      expect(output).toContain("set the image's mirror to one that is reachable, then deploy again");
      expect(cached()).toEqual([]);
      expect(await fleet.listening(project.ports.hub)).toBe(true);
      project.editMain((text) => text.replace(`, { mirror: '${MIRROR}' }`, ''));
    },
    DEPLOY,
  );

  test(
    'takes an image that is there, and names a state directory without room for the disk of the VM',
    async () => {
      const [image] = await Promise.all([cachedDebian(), state.leaveFree(100)]);
      await run('cp', ['--archive', dirname(image.path), images]);

      const output = await failingDeploy(project);

      expect(output).toMatch(/haskell-build-alpha: .* there is no space left for the disk of the VM: .*No space left/);
      expect(output).toContain(vm);
      expect(output).toContain('Free some space there (`df -h`), then deploy again');
      expect(cached()).toEqual([expect.stringMatching(IMAGE)]);
      expect(existsSync(vm)).toBe(false);
    },
    DEPLOY,
  );

  test(
    'tells that the disk is full which the VM boots from, and brings it up once there is room',
    async () => {
      await state.leaveFree(1500);

      const output = await failingDeploy(project);

      expect(output).toMatch(/was halted because its disk could not be written/);
      expect(output).toMatch(/free some disk space/i);
      expect(existsSync(join(vm, 'seed.new.iso'))).toBe(false);

      await state.resize(2000);
      await project.cdktf('deploy');

      await fleet.untilUsable('alpha', 60);
      expect(await fleet.hubEntries('alpha')).toHaveLength(1);
    },
    DEPLOY,
  );

  test(
    'shows an image that was altered, and takes it back once it is as it was',
    async () => {
      ({ size } = statSync(disk()));
      const flipped = flipBytes(disk(), Math.floor(size / 2));

      const altered = await project.cdktf('diff');

      expect(altered.stdout).toMatch(/status\s+= "altered" -> "present"/);

      expect(flipBytes(disk(), Math.floor(size / 2))).not.toEqual(flipped);
      expect((await project.cdktf('diff')).stdout).toContain('No changes');
    },
    DEPLOY,
  );

  test(
    'names the place where building an image anew that was cut short runs out of space, and leaves nothing half made there',
    async () => {
      truncateSync(disk(), Math.floor(statSync(disk()).size / 3));
      const deploy = failingDeploy(project, WITHOUT_SHARED_MEMORY);
      // the first packages are unpacked, and many are to come
      const started = () => cached().some((name) => isUnpacked(join(images, name, 'stage/tmp')));
      await Promise.race([deploy, until('the build installs packages', 300, started)]);
      await cache.leaveFree(20 * 1024);

      const output = await deploy;

      expect(output).toMatch(/image haskell: the disk is full: .*No space left on device/);
      expect(output).toContain(`Free some space under ${images}, then deploy again`);
      expect(cached().filter((name) => !IMAGE.test(name))).toEqual([]);
    },
    DEPLOY,
  );

  test(
    'builds it next time, and has the VM run again',
    async () => {
      await cache.resize(6000);

      await project.cdktf('deploy');

      await fleet.untilUsable('alpha', 60);
      expect(statSync(disk()).size).toBeGreaterThan(size / 2);
      expect((await run('qemu-img', ['check', '-q', disk()], { acceptExitCodes: [0, 3] })).stderr).toBe('');
      expect(await fleet.hubEntries('alpha')).toHaveLength(1);
      expect((await project.cdktf('diff')).stdout).toContain('No changes');
      expect(cached()).toHaveLength(1);
      const machines = processesMatching(
        (argv) => argv[0]?.includes('qemu-system') === true && argv.join().includes(vm),
      );
      expect(machines).toHaveLength(1);
    },
    DEPLOY,
  );
});

/** What comes before a command that shall see little shared memory, so that an image build works in the cache. */
const WITHOUT_SHARED_MEMORY = [
  ...['unshare', '--mount', 'sh', '-c'],
  ...['mount -t tmpfs -o size=64m tmpfs /dev/shm && exec "$@"', 'sh'],
];

/** Whether a system below the directory has begun to take shape. */
function isUnpacked(directory: string): boolean {
  return (
    existsSync(directory) && readdirSync(directory).some((root) => existsSync(join(directory, root, 'usr/bin/dpkg')))
  );
}

/** Inverts 64 KiB of a file and answers what was there before. */
function flipBytes(path: string, position: number): Buffer {
  const before = Buffer.alloc(64 * 1024);
  const file = openSync(path, 'r+');
  try {
    readSync(file, before, 0, before.length, position);
    writeSync(
      file,
      before.map((byte) => byte ^ 0xff),
      0,
      before.length,
      position,
    );
  } finally {
    closeSync(file);
  }
  return before;
}

/** Deploys, expects a failure, and answers what was printed, in one line. */
async function failingDeploy(project: FleetProject, wrapper: readonly string[] = []): Promise<string> {
  const [file, ...args] = [...wrapper, CDKTF, 'deploy', 'fleet', '--auto-approve'];
  const failure = await run(file, args, { cwd: project.directory, env: project.environment() }).then(
    () => null,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(CommandError);
  const { stdout, stderr } = failure as CommandError;
  return (
    `${stdout}\n${stderr}`
      // eslint-disable-next-line no-control-regex -- colour codes start with an escape character
      .replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '')
      // cdktf writes its own lines, and the stack's name, wherever a piece of Terraform's output ends
      .replace(/\d+ Stacks? (deploying|done|waiting)/g, '')
      .replace(/\n\s*fleet {2}/g, '\n')
      .replace(/[\s│]+/g, ' ')
  );
}
