import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { run } from '../../../src/process/run';
import { FleetProject, withOneCpu } from '../../support/fleet-project';
import { RunningFleet } from '../../support/running-fleet';
import { describeWithTools } from '../../support/tools';

/** What an operator had in `~/.ssh/config` before: no final newline, so that a careless edit shows. */
const OWN_SSH_CONFIG = '# mine\nHost *\n  ServerAliveInterval 60';

let outside: ChildProcess | undefined;
const servers: Server[] = [];

const DEPLOY_SECONDS = 15 * 60;

describeWithTools(['terraform', 'qemu-system-x86_64', 'mmdebstrap', 'sshd', 'pasta'], 'the life of a fleet', () => {
  const project = new FleetProject({ sshd: 13220, hub: 13200, first: 13221, last: 13230 });
  const fleet = new RunningFleet(project);
  const sshConfig = join(project.home, '.ssh/config');
  const deployLog = join(project.directory, 'deploy.log');

  beforeAll(() => {
    makeOutside();
    project.editMain(withOneCpu);
    // At the end both are proved by the same test; until then one is enough for the deploys.
    project.editMain((text) => text.replace("'beta', standard)", "'beta', { ...standard, smokeTest: false })"));
    mkdirSync(join(project.home, '.ssh'), { mode: 0o700 });
    writeFileSync(sshConfig, OWN_SSH_CONFIG, { mode: 0o600 });
  });

  afterAll(async () => {
    await project.cdktf('destroy', { acceptExitCodes: [0, 1] });
    project.remove();
    removeOutside();
    for (const server of servers.splice(0)) server.close();
  }, 180_000);

  test(
    'comes up with two VMs that are reached and registered',
    async () => {
      await project.cdktf('deploy', { env: { TF_LOG_PROVIDER: 'debug', TF_LOG_PATH: deployLog } });

      const vms = await fleet.untilAllUsable(120);

      // a look takes two seconds at most, which two emulated machines on a loaded one can miss: it calls them slow
      const answering: unknown = expect.stringMatching(/^(up|slow)$/);
      expect(vms.map((vm) => [vm.id, vm.power.state, vm.tunnel.state, vm.hubEntry.state])).toEqual([
        ['alpha', 'running', answering, 'fresh'],
        ['beta', 'running', answering, 'fresh'],
      ]);
      expect(vms.map((vm) => vm.hubEntry.ghcVersions)).toEqual([['9.6.6'], ['9.6.6']]);
      expect(vms.map((vm) => vm.tunnelPort)).toEqual([13221, 13222]);
    },
    DEPLOY_SECONDS * 1000,
  );

  test("logs each resource's commands", () => {
    const commands = readFileSync(deployLog, 'utf8')
      .split('\n')
      .filter((line) => line.includes('running a command'));
    // Terraform writes the fields of a line in any order
    const ran = (program: string, type: string) =>
      commands.filter((line) => line.includes(`argv=[${program},`) && line.includes(`tf_resource_type=${type} `));

    // QEMU is started by what makes its network namespace
    expect(
      commands.filter((line) => line.includes('qemu-system-x86_64') && line.includes('=buildfleet_vm ')),
    ).not.toEqual([]);
    expect(ran('ssh-keygen', 'buildfleet_identity')).not.toEqual([]);
    expect(ran('ssh-keygen', 'buildfleet_vm')).toEqual([]);
  });

  test('lets ssh in by every alias without a question about host keys', async () => {
    const names = await Promise.all(
      ['alpha', 'haskell-build-alpha', 'haskell-build', 'beta'].map(async (alias) =>
        (await project.ssh([alias, 'hostname'])).stdout.trim(),
      ),
    );

    expect(names).toEqual(['haskell-build-alpha', 'haskell-build-alpha', 'haskell-build-alpha', 'haskell-build-beta']);
    expect(existsSync(join(project.home, '.ssh/known_hosts'))).toBe(false);
  }, 60_000);

  test('lets a VM reach the relay and what is outside, and no other service of the workstation', async () => {
    const port = await listenEverywhere();
    const own = Object.values(networkInterfaces())
      .flatMap((infos = []) => infos)
      .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
      .map(({ address }) => address);
    // each of them is answered on the workstation itself
    expect(own).toEqual(expect.arrayContaining([OUTSIDE.own]));
    for (const address of ['127.0.0.1', '::1', ...own])
      expect([address, await isAnswered(address, port)]).toEqual([address, true]);

    const targets = [
      ...[`10.0.2.2 ${project.ports.sshd}`, `${OUTSIDE.address} ${OUTSIDE.port}`],
      ...['10.0.2.2', '10.0.2.3', 'fec0::2', '::ffff:127.0.0.1', ...own].map((address) => `${address} ${port}`),
      ...[`10.0.2.2 ${project.ports.hub}`, `fec0::2 ${project.ports.hub}`, `192.0.0.1 ${port}`],
    ];
    const { stdout } = await project.ssh(['alpha', 'bash', '-s'], {
      input: `${REACH}\n${targets.map((target) => `reach ${target} &`).join('\n')}\nwait\n`,
    });

    expect(stdout.trim().split('\n').sort()).toEqual(
      targets.map((target, index) => `${target} ${index < 2 ? 'answers' : 'does not'}`).sort(),
    );
  }, 60_000);

  test('gives the two VMs of one image identities of their own', async () => {
    const facts = await Promise.all(
      ['alpha', 'beta'].map(
        async (id) =>
          (
            await project.ssh([
              id,
              // the last is what a DHCP server tells them apart by
              'cat /etc/machine-id; ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub; cat /sys/class/net/e*/address; ' +
                'grep -h ^CLIENTID= /run/systemd/netif/leases/*',
            ])
          ).stdout,
      ),
    );

    const [alpha, beta] = facts.map((text) => text.trim().split('\n'));
    expect(alpha).toHaveLength(4);
    for (const [index, value] of alpha!.entries()) expect(beta![index]).not.toBe(value);
  }, 60_000);

  test('changes nothing and restarts nothing when deployed again', async () => {
    const before = fleet.processes();

    const { stdout } = await project.cdktf('deploy');

    expect(stdout).toMatch(/No changes|0 added, 0 changed, 0 destroyed/);
    expect(fleet.processes()).toEqual(before);
  }, 120_000);

  test(
    'names the power state of a killed VM and of one that lost its network, and nothing else, and heals both',
    async () => {
      const hostKey = (await project.ssh(['alpha', 'cat /etc/ssh/ssh_host_ed25519_key.pub'])).stdout;
      process.kill(fleet.qemu('alpha'), 'SIGKILL');
      process.kill(fleet.pasta('beta'), 'SIGKILL');

      const plan = await project.cdktf('diff');

      expect(plan.stdout).toContain('0 to add, 2 to change, 0 to destroy');
      expect(changedAttributes(plan.stdout)).toEqual(['power_state', 'power_state']);
      expect(plan.stdout).toMatch(/power_state\s+= "crashed" -> "running"/);

      await project.cdktf('deploy');
      await fleet.untilAllUsable(30);
      expect((await project.ssh(['alpha', 'cat /etc/ssh/ssh_host_ed25519_key.pub'])).stdout).toBe(hostKey);
      expect(await fleet.hubEntries('alpha')).toHaveLength(1);
    },
    DEPLOY_SECONDS * 1000,
  );

  test(
    'updates the memory of one VM in place and leaves the other alone',
    async () => {
      const beta = fleet.qemu('beta');
      project.editMain((text) => text.replace(/('alpha', \{ \.\.\.standard,)/, '$1 memory: Size.mebibytes(1536),'));

      const plan = await project.cdktf('diff');

      expect(plan.stdout).toMatch(/buildfleet_vm\.alpha .*will be updated in-place/);
      expect(plan.stdout).not.toMatch(/buildfleet_vm\.beta .*(will|must) be/);
      expect(plan.stdout).toMatch(/memory_mib\s+= 2048 -> 1536/);

      await project.cdktf('deploy');
      expect(fleet.qemu('beta')).toBe(beta);
      const memory = Number((await project.ssh(['alpha', "awk '/MemTotal/ {print $2}' /proc/meminfo"])).stdout);
      expect(memory / 1024).toBeGreaterThan(1536 * 0.85);
      expect(memory / 1024).toBeLessThan(1536);
    },
    DEPLOY_SECONDS * 1000,
  );

  test(
    'takes a removed VM away with everything of it, and keeps its port for it',
    async () => {
      const alpha = fleet.qemu('alpha');
      const withBeta = readFileSync(join(project.directory, 'main.ts'), 'utf8');
      project.editMain((text) => text.replace(/^.*new BuildVm\(\w+, 'beta'.*\n/m, ''));

      await project.cdktf('deploy');

      expect(fleet.qemu('alpha')).toBe(alpha);
      expect((await fleet.status()).vms.map((vm) => [vm.id, vm.tunnelPort])).toEqual([['alpha', 13221]]);
      expect(() => fleet.qemu('beta')).toThrow('0 QEMU processes');
      expect(await fleet.hubEntries('beta')).toEqual([]);
      expect(filesBelow(project.paths.stateDirectory).filter((path) => path.includes('beta'))).toEqual([]);

      writeFileSync(join(project.directory, 'main.ts'), withBeta);
      await project.cdktf('deploy');

      expect(fleet.qemu('alpha')).toBe(alpha);
      expect((await fleet.vm('beta')).tunnelPort).toBe(13222);
      await fleet.untilUsable('beta', 30);
    },
    2 * DEPLOY_SECONDS * 1000,
  );

  test('keeps every private key out of synth, state, process lists, logs and the image', async () => {
    const secrets = ['alpha', 'beta'].flatMap((id) => {
      const { tunnelKey, hostKey } = project.paths.identity(`haskell-build-${id}`);
      return [tunnelKey, hostKey].map((path) => keyBody(readFileSync(path, 'utf8')));
    });
    const log = join(project.directory, 'terraform.log');
    await project.cdktf('diff', { env: { TF_LOG: 'trace', TF_LOG_PATH: log } });

    const places = [
      join(project.directory, 'cdktf.out'),
      join(project.directory, 'rendered'),
      log,
      deployLog,
      project.paths.services,
      join(project.paths.stateDirectory, 'vms'),
    ];
    const images = join(project.home, '.cache/buildfleet/images/');
    const processes = readdirSync('/proc')
      .filter((pid) => /^\d+$/.test(pid))
      .map((pid) => readOrEmpty(`/proc/${pid}/cmdline`))
      .join('\n');

    expect(existsSync(log)).toBe(true);
    for (const secret of secrets) {
      expect(project.state()).not.toContain(secret);
      expect(processes).not.toContain(secret);
      // a VM's own disk is where its keys belong
      const args = ['-rlaF', '--exclude=disk.qcow2', '-e', secret, ...places];
      const found = await run('grep', args, { acceptExitCodes: [0, 1] });
      expect(found.stdout).toBe('');
      // Snapshots are made meanwhile, so files come and go, which `grep` takes for an error.
      const inImages = await run('grep', ['-rlasF', '-e', secret, images], { acceptExitCodes: [0, 1, 2] });
      expect(inImages.stdout).toBe('');
    }
  }, 180_000);

  test('brings a tunnel back within 20 seconds after its connection is cut', async () => {
    const connections = await tunnelConnections(project.ports.sshd);
    expect(connections.length).toBeGreaterThanOrEqual(2);
    for (const pid of connections) process.kill(pid, 'SIGKILL');

    await fleet.untilUsable('alpha', 20);
    await fleet.untilUsable('beta', 20);
  }, 60_000);

  test('restarts its sshd and hub when they are killed, without doubled entries', async () => {
    const before = fleet.processes().length;
    for (const port of [project.ports.sshd, project.ports.hub]) process.kill(await listener(port), 'SIGKILL');

    await fleet.untilUsable('alpha', 30);
    await fleet.untilUsable('beta', 30);

    expect(fleet.processes()).toHaveLength(before);
    expect(await fleet.hubEntries('alpha')).toHaveLength(1);
    expect(await fleet.hubEntries('beta')).toHaveLength(1);
    expect((await project.cdktf('diff')).stdout).toContain('No changes');
  }, 120_000);

  test('passes the smoke test through the CLI, and exec passes exit codes on', async () => {
    const smoke = await project.cli(['smoke', 'alpha', 'beta']);
    const failing = await project.cli(['exec', 'beta', '--', 'sh', '-c', 'exit 7'], { acceptExitCodes: [7] });

    expect(smoke.exitCode).toBe(0);
    expect(failing.exitCode).toBe(7);
  }, 180_000);

  test('takes everything away again and restores the ssh configuration byte by byte', async () => {
    await project.cdktf('destroy');

    expect(readFileSync(sshConfig, 'utf8')).toBe(OWN_SSH_CONFIG);
    expect(fleet.processes()).toEqual([]);
    expect(filesBelow(project.home).filter((path) => !path.startsWith('.cache') && path !== '.ssh/config')).toEqual([]);
  }, 180_000);
});

/** A machine on another network, for want of an internet: a namespace at the other end of a cable. */
const OUTSIDE = { namespace: 'buildfleet-outside', own: '198.51.100.1', address: '198.51.100.2', port: 4000 } as const;

function makeOutside(): void {
  removeOutside();
  const { namespace, own, address, port } = OUTSIDE;
  const inside = ['netns', 'exec', namespace];
  for (const args of [
    ['netns', 'add', namespace],
    ['link', 'add', 'bf-outside', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace],
    ['address', 'add', `${own}/30`, 'dev', 'bf-outside'],
    ['link', 'set', 'bf-outside', 'up'],
    [...inside, 'ip', 'address', 'add', `${address}/30`, 'dev', 'eth0'],
    [...inside, 'ip', 'link', 'set', 'eth0', 'up'],
  ])
    execFileSync('ip', args);
  const serve = `require('net').createServer((socket) => socket.end('hello\\n')).on('connection', (s) => s.on('error', () => 0)).listen(${port})`;
  outside = spawn('ip', [...inside, process.execPath, '-e', serve], { stdio: 'ignore' });
}

function removeOutside(): void {
  outside?.kill('SIGKILL');
  for (const args of [
    ['link', 'delete', 'bf-outside'],
    ['netns', 'delete', OUTSIDE.namespace],
  ])
    spawnSync('ip', args, { stdio: 'ignore' });
}

/** A service on every address of the workstation. @returns its port */
async function listenEverywhere(): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end('hello\n');
  });
  servers.push(server);
  server.listen(0, '::');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function isAnswered(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port });
  try {
    await once(socket, 'data', { signal: AbortSignal.timeout(5000) });
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** For bash on a VM: whether what listens there says something within ten seconds. */
const REACH = `reach() {
  if timeout 10 bash -c 'read -r line <"/dev/tcp/$0/$1"' "$1" "$2" 2>/dev/null; then echo "$1 $2 answers"; else echo "$1 $2 does not"; fi
}`;

/** Names of the attributes that a plan changes, as Terraform prints them. */
function changedAttributes(plan: string): readonly string[] {
  return [...plan.matchAll(/^\s*[~+-] (\w+)\s+= /gm)].map((match) => match[1]!);
}

/** The middle line of a private key: found nowhere else, and found however the file was embedded. */
function keyBody(pem: string): string {
  const lines = pem.trim().split('\n');
  return lines[Math.floor(lines.length / 2)]!;
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Files below a directory, relative to it; what links lead to is not followed. */
function filesBelow(directory: string): readonly string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
}

/** The process that listens on a port of the workstation. */
async function listener(port: number): Promise<number> {
  const { stdout } = await run('ss', ['-Htlnp', `sport = :${port}`]);
  const pid = /pid=(\d+)/.exec(stdout)?.[1];
  if (pid === undefined) throw new Error(`nothing listens on ${port}`);
  return Number(pid);
}

/** The sshd processes that hold a VM's connection. */
async function tunnelConnections(port: number): Promise<readonly number[]> {
  const { stdout } = await run('ss', ['-Htnp', 'state', 'established', `sport = :${port}`]);
  return [...new Set([...stdout.matchAll(/pid=(\d+)/g)].map((match) => Number(match[1])))];
}
