import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { FleetPaths } from '../../../src/model/paths';
import {
  isRunning,
  listProcesses,
  type ProcessIdentity,
  readProcess,
  signalProcess,
  waitForEnd,
} from '../../../src/process/process-identity';
import { run } from '../../../src/process/run';
import type { VmSpec } from '../../../src/drivers/driver';
import { QemuDriver, type QemuDriverOptions } from '../../../src/drivers/qemu/driver';
import { withQmp } from '../../../src/drivers/qemu/qmp';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools, findProgram } from '../../support/tools';
import { until } from '../../support/until';

const SIGNAL = new AbortController().signal;

describeWithTools(['qemu-system-x86_64', 'qemu-img', 'pasta'], 'the QEMU driver with real halted machines', () => {
  let root: string;
  let paths: FleetPaths;
  let image: string;
  const specs: VmSpec[] = [];

  beforeAll(() => {
    root = temporaryDirectory();
    // Deeper than a unix socket address can say.
    const state = join(root, 'a'.repeat(70), 'with, comma and "quotes"', 'b'.repeat(70));
    mkdirSync(state, { recursive: true });
    paths = new FleetPaths(state);
    image = join(root, 'image.qcow2');
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', image, '40G']);
  });

  afterEach(async () => {
    for (const spec of specs.splice(0)) await driver().destroy(spec, SIGNAL);
  });

  function driver(options: Partial<QemuDriverOptions> = {}): QemuDriver {
    return new QemuDriver({ paths, run, accelerator: () => Promise.resolve('tcg'), startHalted: true, ...options });
  }

  function spec(name: string, changes: Partial<VmSpec> = {}): VmSpec {
    const made: VmSpec = {
      ...{ name, uuid: '5bd7a3f0-0000-5000-8000-000000000001', fleet: 'fleet', imagePath: image, imageHash: 'hash' },
      ...{ cpus: 1, memoryMib: 16, mac: '52:54:00:00:00:01', network: 'nat', bridgeAdapter: null },
      ...{ userNetwork: 'isolated', relayPort: 12220, isWarm: false, ...changes },
    };
    specs.push(made);
    return made;
  }

  function pidOf(name: string): number {
    return Number(readFileSync(join(paths.vm(name), 'qemu.pid'), 'utf8'));
  }

  test('a VM lives through create, seed, start, eject, hardware change, stop and destroy', async () => {
    const vm = spec('one');
    expect(await driver().inspect('one')).toBeNull();
    await driver().create(vm, SIGNAL);
    expect(await driver().inspect('one')).toMatchObject({ power: 'stopped', cpus: 1, memoryMib: 16, fleet: 'fleet' });
    expect(statSync(join(paths.vm('one'), 'disk.qcow2')).blocks * 512).toBeLessThan(5 * 1024 * 1024);

    const iso = join(paths.vm('one'), 'seed.new');
    writeFileSync(iso, Buffer.alloc(376832), { mode: 0o644 });
    await driver().attachSeed(vm, iso, SIGNAL);
    expect(statSync(join(paths.vm('one'), 'seed.iso')).mode & 0o777).toBe(0o600);
    await driver().start(vm, SIGNAL);
    expect(await driver().inspect('one')).toMatchObject({ power: 'paused', seedAttached: true, memoryMib: 16 });
    const pid = pidOf('one');
    const process = readProcess(pid);
    expect(process?.argv).toContain('guest=one');

    await driver().removeSeed(vm, SIGNAL);
    await driver().removeSeed(vm, SIGNAL);
    expect(await driver().inspect('one')).toMatchObject({ seedAttached: false });
    expect(holdsFile(pid, 'seed.iso')).toBe(false);
    await driver().confirmBoot(vm, SIGNAL);

    const larger = { ...vm, cpus: 2, memoryMib: 32, mac: '52:54:00:00:00:02' };
    await expect(driver().update(larger, SIGNAL)).rejects.toMatchObject({ code: 'vm-not-stopped' });
    await driver().stop(vm, 1, SIGNAL);
    expect(process && isRunning(process)).toBe(false);
    await driver().update(larger, SIGNAL);
    await driver().start(larger, SIGNAL);
    expect(await driver().inspect('one')).toMatchObject({ cpus: 2, memoryMib: 32, mac: '52:54:00:00:00:02' });

    await driver().destroy(vm, SIGNAL);
    await driver().destroy(vm, SIGNAL);
    expect(existsSync(paths.vm('one'))).toBe(false);
    expect(await driver().inspect('one')).toBeNull();
  }, 60_000);

  test('a started VM holds nothing of ours: own session, no inherited descriptor, no variable of Terraform', async () => {
    const vm = spec('two');
    process.env['TF_VAR_token_of_this_test'] = 'secret';
    await driver().create(vm, SIGNAL);
    await driver().start(vm, SIGNAL);
    const pid = pidOf('two');
    // Its session is that of pasta, of which it is the child.
    const [, parent, , session] = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
    expect(session).toBe(parent);
    expect(readProcess(Number(parent))?.argv[0]).toBe('pasta');
    expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain('TF_VAR_token_of_this_test');
    const open = readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(pid, fd));
    const ours = ['0', '1', '2'].map((fd) => linkOf(process.pid, fd)).filter((link) => !link.includes('/dev/null'));
    expect(open.filter((link) => ours.includes(link))).toEqual([]);
    expect(linkOf(pid, '1')).toContain('qemu.log');
    delete process.env['TF_VAR_token_of_this_test'];
  }, 60_000);

  test('an isolated VM has no right in its namespace, is named by its own pid, and takes pasta with it', async () => {
    const vm = spec('isolated');
    await driver().create(vm, SIGNAL);
    await driver().start(vm, SIGNAL);
    const qemu = readProcess(pidOf('isolated'));
    if (!qemu) throw new Error('no process');
    expect(qemu.argv[0]).toBe('qemu-system-x86_64');
    const status = readFileSync(`/proc/${qemu.pid}/status`, 'utf8');
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    for (const set of ['CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      expect(status).toMatch(new RegExp(`^${set}:\t0+$`, 'm'));
    expect(namespaceOf(qemu.pid)).not.toBe(namespaceOf('self'));
    const pasta = pastaOf(qemu.pid);
    signalProcess(qemu, 'SIGKILL');
    expect(await waitForEnd(qemu, 5000)).toBe(true);
    expect(await waitForEnd(pasta, 5000)).toBe(true);
    await driver().start(vm, SIGNAL);
    const second = pastaOf(pidOf('isolated'));
    await driver().destroy(vm, SIGNAL);
    expect(await waitForEnd(second, 5000)).toBe(true);
  }, 60_000);

  test('a VM whose pasta was killed counts as crashed, and a start gives it a network again', async () => {
    const vm = spec('cut-off');
    await driver().create(vm, SIGNAL);
    await driver().start(vm, SIGNAL);
    await driver().start(vm, SIGNAL);
    expect(await driver().inspect('cut-off')).toMatchObject({ power: 'running' });
    const first = readProcess(pidOf('cut-off'));
    if (!first) throw new Error('no process');
    const pasta = pastaOf(first.pid);
    signalProcess(pasta, 'SIGKILL');
    await waitForEnd(pasta, 5000);
    await until('the interface is gone', 5, async () => (await driver().inspect('cut-off'))?.power === 'crashed');
    expect(await driver().inspect('cut-off')).toMatchObject({ detail: 'its pasta has ended' });
    await driver({ cutOffGraceSeconds: 1 }).start(vm, SIGNAL);
    expect(isRunning(first)).toBe(false);
    expect(await driver().inspect('cut-off')).toMatchObject({ power: 'paused' });
    pastaOf(pidOf('cut-off'));
  }, 60_000);

  test('an open VM is started as it always was, and one that runs is left alone by a change', async () => {
    const open = spec('open', { userNetwork: 'open' });
    await driver().create(open, SIGNAL);
    await driver().start(open, SIGNAL);
    const pid = pidOf('open');
    expect(namespaceOf(pid)).toBe(namespaceOf('self'));
    await driver().start({ ...open, userNetwork: 'isolated' }, SIGNAL);
    expect(pidOf('open')).toBe(pid);
    expect(await driver().inspect('open')).toMatchObject({ power: 'running' });
    await driver().stop(open, 0, SIGNAL);
    await driver().start({ ...open, userNetwork: 'isolated' }, SIGNAL);
    expect(namespaceOf(pidOf('open'))).not.toBe(namespaceOf('self'));
  }, 60_000);

  test('without pasta a start says what to do, and leaves no process', async () => {
    const vm = spec('alone');
    await driver().create(vm, SIGNAL);
    const path = process.env['PATH'];
    const programs = join(root, 'programs-without-pasta');
    mkdirSync(programs);
    for (const name of ['unshare', 'qemu-system-x86_64']) symlinkSync(findProgram(name) ?? '', join(programs, name));
    process.env['PATH'] = programs;
    try {
      await expect(driver().start(vm, SIGNAL)).rejects.toMatchObject({
        ...{ code: 'pasta-missing', remedy: expect.stringContaining("userNetwork: 'open'") as string },
      });
    } finally {
      process.env['PATH'] = path;
    }
    expect(listProcesses().filter(({ argv }) => argv.includes('guest=alone'))).toEqual([]);
  }, 60_000);

  test('kill -9 is seen, and what the pid file says is not believed', async () => {
    const vm = spec('three');
    await driver().create(vm, SIGNAL);
    await driver().start(vm, SIGNAL);
    const killed = readProcess(pidOf('three'));
    if (!killed) throw new Error('no process');
    signalProcess(killed, 'SIGKILL');
    await waitForEnd(killed, 5000);
    expect(await driver().inspect('three')).toMatchObject({ power: 'stopped' });

    const bystander = spawn('sleep', ['1000'], { stdio: 'ignore' });
    writeFileSync(join(paths.vm('three'), 'qemu.pid'), `${bystander.pid}\n`);
    expect(await driver().inspect('three')).toMatchObject({ power: 'stopped' });
    await driver().stop(vm, 0, SIGNAL);
    await driver().start(vm, SIGNAL);
    await driver().destroy(vm, SIGNAL);
    expect(bystander.exitCode).toBeNull();
    expect(bystander.signalCode).toBeNull();
    bystander.kill();
  }, 60_000);

  test('a running VM is found although pid file and control socket are lost, and can still be ended', async () => {
    const vm = spec('four');
    await driver().create(vm, SIGNAL);
    await driver().start(vm, SIGNAL);
    const running = readProcess(pidOf('four'));
    rmSync(join(paths.vm('four'), 'qemu.pid'));
    expect(await driver().inspect('four')).toMatchObject({ power: 'paused' });
    rmSync(join(paths.vm('four'), 'qmp.sock'));
    expect(await driver().inspect('four')).toMatchObject({ power: 'crashed' });
    rmSync(paths.vm('four'), { recursive: true });
    expect(await driver().inspect('four')).toBeNull();
    await driver().create(vm, SIGNAL);
    expect(running && isRunning(running)).toBe(false);
    expect(await driver().inspect('four')).toMatchObject({ power: 'stopped' });
  }, 60_000);

  test('a reset before the boot is confirmed switches the VM off, afterwards it is a reboot', async () => {
    const vm = spec('reset');
    const reset = () =>
      withQmp(paths.vm('reset'), 'qmp.sock', { timeoutMs: 5000 }, (qmp) => qmp.execute('system_reset'));
    await driver().create(vm, SIGNAL);
    await driver().start(vm, SIGNAL);
    const first = readProcess(pidOf('reset'));
    if (!first) throw new Error('no process');
    await reset();
    expect(await waitForEnd(first, 5000)).toBe(true);
    expect(await driver().inspect('reset')).toMatchObject({ power: 'stopped' });

    await driver().start(vm, SIGNAL);
    await driver().confirmBoot(vm, SIGNAL);
    const second = readProcess(pidOf('reset'));
    if (!second) throw new Error('no process');
    await reset();
    expect(await waitForEnd(second, 500)).toBe(false);
  }, 60_000);

  test('a start that finds the VM paused resumes it', async () => {
    const vm = spec('paused');
    await driver().create(vm, SIGNAL);
    await driver().start(vm, SIGNAL);
    expect(await driver().inspect('paused')).toMatchObject({ power: 'paused' });
    await driver().start(vm, SIGNAL);
    expect(await driver().inspect('paused')).toMatchObject({ power: 'running' });
  }, 60_000);

  test('a VM of another fleet is refused by name and left alone', async () => {
    const foreign = spec('five', { fleet: 'theirs', uuid: '5bd7a3f0-0000-5000-8000-000000000002' });
    await driver().create(foreign, SIGNAL);
    await driver().start(foreign, SIGNAL);
    const ours = { ...foreign, fleet: 'fleet' };
    for (const attempt of [
      () => driver().create(ours, SIGNAL),
      () => driver().start(ours, SIGNAL),
      () => driver().stop(ours, 0, SIGNAL),
      () => driver().removeSeed(ours, SIGNAL),
      () => driver().destroy(ours, SIGNAL),
    ]) {
      await expect(attempt()).rejects.toThrow(/belongs to fleet theirs/);
    }
    expect(await driver().inspect('five')).toMatchObject({ fleet: 'theirs', power: 'paused' });
  }, 60_000);

  test('create finishes what an interruption left: a record alone, half a disk, a disk of another image', async () => {
    const vm = spec('six');
    await driver().create(vm, SIGNAL);
    const record = readFileSync(join(paths.vm('six'), 'vm.json'));
    rmSync(join(paths.vm('six'), 'disk.qcow2'));
    writeFileSync(join(paths.vm('six'), 'disk.qcow2.partial'), 'half');
    expect(await driver().inspect('six')).toBeNull();
    await driver().create(vm, SIGNAL);
    expect(readdirSync(paths.vm('six')).sort()).toEqual(['disk.qcow2', 'vm.json']);
    expect(readFileSync(join(paths.vm('six'), 'vm.json'))).toEqual(record);

    const before = statSync(join(paths.vm('six'), 'disk.qcow2')).ino;
    await driver().create(vm, SIGNAL);
    expect(statSync(join(paths.vm('six'), 'disk.qcow2')).ino).toBe(before);

    const other = join(root, 'other.qcow2');
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', other, '1G']);
    await driver().create({ ...vm, imagePath: other, imageHash: 'other' }, SIGNAL);
    expect(await driver().inspect('six')).toMatchObject({ imageHash: 'other' });
  }, 60_000);

  test('an image that changed below a disk is noticed, one that is missing or damaged leaves nothing behind', async () => {
    const own = join(root, 'own.qcow2');
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', own, '1G']);
    const vm = spec('seven', { imagePath: own });
    await driver().create(vm, SIGNAL);
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', own, '2G']);
    expect(await driver().inspect('seven')).toMatchObject({ imageHash: null });
    await expect(driver().start(vm, SIGNAL)).rejects.toMatchObject({ code: 'image-changed' });
    await driver().destroy(vm, SIGNAL);

    truncateSync(own, 1000);
    await expect(driver().create(vm, SIGNAL)).rejects.toMatchObject({ code: 'image-damaged' });
    expect(existsSync(paths.vm('seven'))).toBe(false);
    rmSync(own);
    await expect(driver().create(vm, SIGNAL)).rejects.toMatchObject({ code: 'image-missing' });
    expect(existsSync(paths.vm('seven'))).toBe(false);
  }, 60_000);

  test('a missing program and a disk in use are errors that say what to do', async () => {
    const vm = spec('eight');
    await driver().create(vm, SIGNAL);
    const missing = driver({ program: 'qemu-that-is-not-installed' });
    await expect(missing.start(vm, SIGNAL)).rejects.toMatchObject({ code: 'qemu-missing' });
    const disk = join(paths.vm('eight'), 'disk.qcow2').replaceAll(',', ',,');
    const drive = `file=${disk},format=qcow2,if=virtio`;
    const holder = spawn('qemu-system-x86_64', ['-nodefaults', '-display', 'none', '-S', '-drive', drive]);
    try {
      await until('the other process holds the disk', 10, () => holdsFile(holder.pid ?? 0, 'disk.qcow2'));
      await expect(driver().start(vm, SIGNAL)).rejects.toMatchObject({ code: 'disk-in-use' });
      expect(await driver().inspect('eight')).toMatchObject({ power: 'stopped' });
    } finally {
      holder.kill('SIGKILL');
    }
  }, 60_000);

  test('a hundred VMs are read at once, running and stopped', async () => {
    const many = Array.from({ length: 100 }, (_, index) => spec(`many-${index}`));
    // Their disks are copies: a hundred calls of qemu-img would measure nothing that matters here.
    const first = many[0];
    if (!first) throw new Error('none');
    await driver().create(first, SIGNAL);
    for (const vm of many.slice(1)) {
      mkdirSync(paths.vm(vm.name));
      const record = JSON.parse(readFileSync(join(paths.vm(first.name), 'vm.json'), 'utf8')) as object;
      writeFileSync(join(paths.vm(vm.name), 'vm.json'), JSON.stringify({ ...record, name: vm.name }));
      writeFileSync(join(paths.vm(vm.name), 'disk.qcow2'), readFileSync(join(paths.vm(first.name), 'disk.qcow2')));
    }
    const running = many.slice(0, 10);
    await Promise.all(running.map((vm) => driver().start(vm, SIGNAL)));
    const reader = driver();
    const seen = await Promise.all(many.map((vm) => reader.inspect(vm.name)));
    expect(seen.filter((vm) => vm?.power === 'paused')).toHaveLength(10);
    expect(seen.filter((vm) => vm?.power === 'stopped')).toHaveLength(90);
  }, 120_000);
});

function namespaceOf(pid: number | 'self'): string {
  return readlinkSync(`/proc/${pid}/ns/net`);
}

/** The parent of an isolated QEMU. */
function pastaOf(qemu: number): ProcessIdentity {
  const parent = Number(readFileSync(`/proc/${qemu}/stat`, 'latin1').split(') ')[1]?.split(' ')[1]);
  const pasta = readProcess(parent);
  if (pasta?.argv[0] !== 'pasta') throw new Error(`${parent} is no pasta`);
  return pasta;
}

function holdsFile(pid: number, name: string): boolean {
  return readdirSync(`/proc/${pid}/fd`).some((fd) => linkOf(pid, fd).includes(name));
}

function linkOf(pid: number, fd: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    return '';
  }
}
