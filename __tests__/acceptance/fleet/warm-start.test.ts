import {
  createReadStream,
  existsSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { vmName } from '../../../src/model/names';
import { FleetProject, withOneCpu, withoutWarmStart } from '../../support/fleet-project';
import { processesMatching, RunningFleet } from '../../support/running-fleet';
import { describeWithTools } from '../../support/tools';
import { until } from '../../support/until';

const TOOLS = ['terraform', 'qemu-system-x86_64', 'mmdebstrap', 'sshd', 'pasta', 'xorriso'];
const DEPLOY_SECONDS = 15 * 60;

/** MiB of each VM: no other suite has it, so that its snapshots may be spoilt here. */
const MEMORY = 1920;

/** Of deploys that start a VM warm; BUILDFLEET_KILLS asks for more than a run of all tests has time for. */
const KILLS = Number(process.env['BUILDFLEET_KILLS'] ?? 3);

/** Milliseconds from the directory of a VM until it is ready, roughly. */
const WARM_START_MS = 6000;

const MAIN = `import Prelude

main :: IO ()
main = putStrLn "warm"
`;

/** What no two machines may have in common, by the command that prints it. */
const OWN = {
  'machine-id': 'cat /etc/machine-id',
  'boot id': 'cat /proc/sys/kernel/random/boot_id',
  'host name': 'hostname',
  'MAC address': 'cat /sys/class/net/e*/address',
  'ssh host key': 'cat /etc/ssh/ssh_host_ed25519_key.pub',
  'random numbers': 'head -c 16 /dev/urandom | od -An -tx1',
} as const;

describeWithTools(TOOLS, 'VMs that are resumed from a snapshot', () => {
  const project = new FleetProject({ sshd: 14020, hub: 14000, first: 14021, last: 14030 });
  const fleet = new RunningFleet(project);
  const images = join(project.home, '.cache/buildfleet/images');

  const snapshots = () =>
    existsSync(images)
      ? readdirSync(images).flatMap((hash) =>
          readdirSync(join(images, hash))
            .filter((name) => /^warm-[0-9a-f]+$/.test(name) && existsSync(join(images, hash, name, 'state.bin')))
            .map((name) => join(images, hash, name))
            .filter((path) => statSync(join(path, 'ram.bin')).size === MEMORY * 1024 * 1024),
        )
      : [];
  const startsOf = (id: string) =>
    readdirSync(project.paths.journal)
      .sort()
      .flatMap((name) => readFileSync(join(project.paths.journal, name), 'utf8').split('\n'))
      .filter((line) => line.includes(id) && /resuming the VM|starting the VM cold/.test(line));
  const ask = async (id: string, command: string) => (await project.ssh([id, command])).stdout.trim();

  beforeAll(() => {
    project.editMain(withOneCpu);
    project.editMain(withoutWarmStart);
    project.editMain((text) => text.replace('memory: Size.mebibytes(2048)', `memory: Size.mebibytes(${MEMORY})`));
    project.editMain((text) =>
      text.replace('cpus: 8, memory: Size.gibibytes(8)', 'cpus: 64, memory: Size.gibibytes(64)'),
    );
    project.editMain((text) =>
      text.replace('...standard, default: true', '...standard, default: true, smokeTest: false'),
    );
    project.editMain((text) => text.replace("'beta', standard)", "'beta', { ...standard, smokeTest: false })"));
  });

  afterAll(async () => {
    await project.cdktf('destroy', { acceptExitCodes: [0, 1] });
    project.remove();
  }, 180_000);

  test(
    'are not made where the host has none',
    async () => {
      await project.cdktf('deploy');
      await fleet.untilAllUsable(120);
      expect(startsOf('alpha')).toEqual([]);
    },
    DEPLOY_SECONDS * 1000,
  );

  test(
    'come after a snapshot that was made ahead of time',
    async () => {
      const { stdout } = await project.cli(['image', 'warm', '--cpus', '1', '--memory', String(MEMORY)], {
        timeout: DEPLOY_SECONDS * 1000,
      });
      expect(stdout).toMatch(/haskell.*snapshot/);
      expect(snapshots().length).toBeGreaterThan(0);
    },
    DEPLOY_SECONDS * 1000,
  );

  test('share it with fleets that reach its image by another path', async () => {
    const cache = join(project.home, '.cache/buildfleet');
    expect(realpathSync(cache)).not.toBe(cache);
    const known = [
      'image',
      'warm',
      '--cpus',
      '1',
      '--memory',
      String(MEMORY),
      '--json',
      '--cache',
      realpathSync(cache),
    ];
    const { stdout } = await project.cli(known);
    expect(JSON.parse(stdout)).toMatchObject({ outcome: 'present' });
  }, 120_000);

  test('hold no private key', async () => {
    // "openssh-key-v1" in base64, with which each private key of OpenSSH begins. The template has no seed, and makes none.
    const begin = Buffer.from('b3BlbnNzaC1rZXktdjEAAAAA');
    expect(readFileSync(project.paths.identity('haskell-build-alpha').hostKey, 'utf8')).toContain(begin.toString());
    for (const snapshot of snapshots()) {
      for (const name of ['ram.bin', 'disk.qcow2', 'state.bin']) {
        expect([name, await contains(join(snapshot, name), begin)]).toEqual([name, false]);
      }
    }
  }, 120_000);

  test(
    'have their own identity each, and are proved by the smoke test',
    async () => {
      project.editMain((text) =>
        text
          .replace('warmStart: false, ', '')
          .replace(
            '// A second fleet',
            "new BuildVm(fleet, 'epsilon', standard);\nnew BuildVm(fleet, 'zeta', standard);\n\n// A second fleet",
          ),
      );
      await project.cdktf('deploy');
      const vms = await fleet.untilAllUsable(120);
      expect(vms.map((vm) => vm.id)).toEqual(['alpha', 'beta', 'epsilon', 'zeta']);
      for (const id of ['epsilon', 'zeta']) {
        const starts = startsOf(vmName(id));
        expect(starts).toHaveLength(1);
        expect(starts[0]).toContain('resuming the VM from a snapshot');
      }
      for (const [what, command] of Object.entries(OWN)) {
        const seen = await Promise.all(['alpha', 'beta', 'epsilon', 'zeta'].map((id) => ask(id, command)));
        expect([what, new Set(seen).size]).toEqual([what, 4]);
        expect(seen).not.toContain('');
      }
      expect(await ask('zeta', 'hostname')).toBe('haskell-build-zeta');
    },
    DEPLOY_SECONDS * 1000,
  );

  test('keep time, and start their services as after a boot', async () => {
    const before = Date.now() / 1000;
    const there = Number(await ask('zeta', 'date +%s.%N'));
    const after = Date.now() / 1000;
    expect(there).toBeGreaterThan(before - 0.5);
    expect(there).toBeLessThan(after + 0.5);
    const units = 'ssh.service build-tunnel.service build-agent.service timers.target';
    await until(
      'units without what is for a template',
      60,
      async () => {
        const shown = await ask('zeta', `systemctl show -p ActiveState -p DropInPaths ${units}`);
        return !shown.includes('template.conf') && shown.match(/ActiveState=active/g)?.length === 4;
      },
      1000,
    );
    const status = await ask('zeta', 'systemctl is-system-running || systemctl --failed --no-legend');
    expect(status).toBe('running');
  }, 120_000);

  test('need no second deploy', async () => {
    const { stdout } = await project.cdktf('diff');
    expect(stdout).toContain('No changes');
  }, 120_000);

  test('compile', async () => {
    const source = join(project.directory, 'hello');
    writeFileSync(`${source}.hs`, MAIN);
    await project.cli(['exec', 'epsilon', '--', 'true']);
    expect(
      await ask('epsilon', `printf '%s' '${MAIN}' >/tmp/Main.hs && cd /tmp && ghc -O0 -v0 Main.hs -o m && ./m`),
    ).toBe('warm');
  }, 300_000);

  test(
    'start cold from then on, with the same identity',
    async () => {
      const before = await ask('epsilon', OWN['machine-id']);
      process.kill(fleet.qemu('epsilon'), 'SIGKILL');
      await until('the end of QEMU', 20, () => fleet.vm('epsilon').then((vm) => vm.power.state !== 'running'), 500);
      await project.cdktf('deploy');
      await fleet.untilUsable('epsilon', 120);
      expect(await ask('epsilon', OWN['machine-id'])).toBe(before);
      expect(await ask('epsilon', OWN['ssh host key'])).not.toBe(await ask('zeta', OWN['ssh host key']));
    },
    DEPLOY_SECONDS * 1000,
  );

  test(
    'are whole after one more deploy, whenever a deploy was killed',
    async () => {
      // Evenly over what a warm start takes, so that each step of it is cut off in one run or another.
      for (let kill = 0; kill < KILLS; kill += 1) {
        const id = `theta${kill}`;
        project.editMain((text) =>
          text.replace(
            '\n// A second fleet',
            `new BuildVm(fleet, '${id}', { ...standard, smokeTest: false });\n\n// A second fleet`,
          ),
        );
        const deploy = project.start('deploy');
        const directory = project.paths.vm(vmName(id));
        await until('the begin of its creation', 120, () => existsSync(directory) || deploy.hasEnded, 50);
        await pause((kill / KILLS) * WARM_START_MS);
        deploy.signalGroup('SIGKILL');
        await deploy.end();
        await until('the end of Terraform', 60, () => fleet.deployProcesses().length === 0, 200);

        await project.cdktf('deploy');
        await fleet.untilUsable(id, 120);
        // `qemu` fails where there are two, or none.
        expect(fleet.qemu(id)).toBeGreaterThan(0);
        expect(await ask(id, 'hostname')).toBe(vmName(id));
        expect(await fleet.hubEntries(id)).toHaveLength(1);
        const ids = await Promise.all(['zeta', id].map((vm) => ask(vm, OWN['machine-id'])));
        expect(new Set(ids).size).toBe(2);
        project.editMain((text) => text.replace(/new BuildVm\(fleet, 'theta[^\n]*\n/, ''));
      }
      await project.cdktf('deploy');
      expect(readdirSync(project.paths.vms).filter((name) => name.includes('theta'))).toEqual([]);
      expect(processesMatching((argv) => argv.join(' ').includes('haskell-build-theta'))).toEqual([]);
    },
    KILLS * 5 * 60 * 1000,
  );

  test(
    'start cold where the snapshot is damaged',
    async () => {
      project.editMain((text) =>
        text.replace("new BuildVm(fleet, 'zeta', standard);", "new BuildVm(fleet, 'eta', standard);"),
      );
      const states = snapshots().map((path) => join(path, 'state.bin'));
      for (const state of states) renameSync(state, `${state}.kept`);
      try {
        await project.cdktf('deploy');
        await fleet.untilUsable('eta', 120);
        expect(startsOf(vmName('eta'))).toEqual([]);
      } finally {
        for (const state of states) if (existsSync(`${state}.kept`)) renameSync(`${state}.kept`, state);
      }
    },
    DEPLOY_SECONDS * 1000,
  );
});

/** Whether a file holds these bytes, read in pieces that overlap. */
async function contains(path: string, bytes: Buffer): Promise<boolean> {
  let rest = Buffer.alloc(0);
  for await (const piece of createReadStream(path, { highWaterMark: 16 * 1024 * 1024 }) as AsyncIterable<Buffer>) {
    const seen = Buffer.concat([rest, piece]);
    if (seen.includes(bytes)) return true;
    rest = seen.subarray(-bytes.length);
  }
  return false;
}
