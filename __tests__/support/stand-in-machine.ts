import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_CACHE_DIRECTORY, DEFAULT_OPERATOR_SSH_CONFIG } from '../../src/model/defaults';
import type { Fleet } from '../../src/model/fleet';
import { readProcess, signalProcess } from '../../src/process/process-identity';
import { run } from '../../src/process/run';
import { renderFleetFile } from '../../src/rendering/fleet-file';
import { renderKnownHosts } from '../../src/rendering/known-hosts';
import { renderSshConfig } from '../../src/rendering/ssh-config';
import { findProgram } from './tools';
import { until } from './until';

/** A TCP port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * Stands in for a build machine behind its tunnel: a real sshd on a loopback port that the current user may log in to.
 * It has no GHC and no power state.
 */
export class StandInMachine {
  private daemon: ChildProcess | undefined;
  private log = '';

  private constructor(
    readonly directory: string,
    readonly port: number,
    /** OpenSSH public key of the sshd. */
    readonly hostKey: string,
    /** Private key that may log in. */
    readonly userKey: string,
    private readonly buildRoot: string | undefined,
  ) {}

  /**
   * @param environment what commands find in their environment on the machine, such as a PATH
   * @param buildRoot directory that the machine sees as its `/build`, for which root is needed; beside it lies
   * `<buildRoot>.loadavg`, its load average
   */
  static async create(
    directory: string,
    environment: Readonly<Record<string, string>> = {},
    buildRoot?: string,
  ): Promise<StandInMachine> {
    mkdirSync(directory, { recursive: true });
    const [hostKey, userKey] = [join(directory, 'host_key'), join(directory, 'user_key')];
    for (const key of [hostKey, userKey])
      await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', key]);
    const port = await freePort();
    // Of several lines sshd takes the first.
    const settings = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
    writeFileSync(
      join(directory, 'sshd_config'),
      [
        `ListenAddress 127.0.0.1:${port}`,
        `HostKey ${hostKey}`,
        `AuthorizedKeysFile ${userKey}.pub`,
        'StrictModes no',
        'UsePAM no',
        'PidFile none',
        'AuthenticationMethods publickey',
        'PermitRootLogin prohibit-password',
        'MaxStartups 100',
        ...(settings.length === 0 ? [] : [`SetEnv ${settings.join(' ')}`]),
        '',
      ].join('\n'),
    );
    const machine = new StandInMachine(
      directory,
      port,
      readFileSync(`${hostKey}.pub`, 'utf8').trim(),
      userKey,
      buildRoot,
    );
    await machine.start();
    return machine;
  }

  async start(): Promise<void> {
    const sshd = findProgram('sshd') ?? 'sshd';
    const argv = [sshd, '-D', '-e', '-f', join(this.directory, 'sshd_config')];
    const [program = '', ...args] = this.buildRoot === undefined ? argv : withBuildRoot(this.buildRoot, argv);
    const daemon = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.daemon = daemon;
    this.log = '';
    daemon.stderr.setEncoding('utf8').on('data', (text: string) => (this.log += text));
    await until('the stand-in sshd listens', 10, () => {
      if (daemon.exitCode !== null) throw new Error(`sshd ended: ${this.log}`);
      return this.log.includes('Server listening');
    });
  }

  /** Ends every connection, as the end of a tunnel or of the machine does. */
  async disconnect(): Promise<void> {
    await endAll(this.sessions());
  }

  /**
   * Has it hang, as when a network is gone without a word: connections stay open and get no answer.
   *
   * @returns lets it go on
   */
  freeze(): () => void {
    const everything = [...(this.daemon?.pid === undefined ? [] : [this.daemon.pid]), ...this.sessions()];
    for (const pid of everything) process.kill(pid, 'SIGSTOP');
    return () => {
      for (const pid of everything) process.kill(pid, 'SIGCONT');
    };
  }

  /** No more of it: neither listener nor connections. */
  async dispose(): Promise<void> {
    const daemon = this.daemon;
    // A client that lost its connection tries again at once: a listener that still works would let it in.
    daemon?.kill('SIGSTOP');
    const sessions = this.sessions();
    this.daemon = undefined;
    if (daemon !== undefined && daemon.exitCode === null) {
      const ended = new Promise((resolve) => daemon.once('exit', resolve));
      daemon.kill('SIGKILL');
      await ended;
    }
    await endAll(sessions);
  }

  /** Process ids of its connections. */
  private sessions(): readonly number[] {
    const parent = this.daemon?.pid;
    if (parent === undefined || !existsSync(`/proc/${parent}`)) return [];
    return readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  }

  /** Connections that are open stay open, as they do when only the listener of a tunnel goes. */
  async stop(): Promise<void> {
    const daemon = this.daemon;
    this.daemon = undefined;
    if (daemon === undefined || daemon.exitCode !== null) return;
    const ended = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill('SIGTERM');
    await ended;
  }
}

async function endAll(pids: readonly number[]): Promise<void> {
  for (const session of pids.map(readProcess)) if (session !== undefined) signalProcess(session, 'SIGKILL');
  await until('the connections have ended', 10, () => pids.every((pid) => readProcess(pid) === undefined));
}

/**
 * Runs a program, in the process that is started, with a directory in place of `/build` and a load average of its own:
 * that of the real machine would decide which stand-in is chosen.
 */
function withBuildRoot(directory: string, argv: readonly string[]): string[] {
  mkdirSync('/build', { recursive: true });
  const load = `${directory}.loadavg`;
  if (!existsSync(load)) writeFileSync(load, '0.00 0.00 0.00 1/100 1\n');
  const script = 'mount --bind "$1" /build && mount --bind "$2" /proc/loadavg && shift 2 && exec "$@"';
  return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', directory, load, ...argv];
}

/** One VM of a {@link standInFleet}. */
export interface StandInVm {
  readonly id: string;
  readonly port: number;
  /** Host key that is pinned for it. */
  readonly hostKey: string;
  readonly heartbeatSeconds?: number;
}

/** Writes everything that a deploy leaves for clients: `fleet.json`, ssh configuration and pinned keys. Gives the first's path. */
export function writeStandInFleet(
  directory: string,
  userKey: string,
  hubUrl: string,
  vms: readonly StandInVm[],
): string {
  mkdirSync(directory, { recursive: true });
  const sshConfig = join(directory, 'ssh-config');
  const knownHostsFile = join(directory, 'known_hosts');
  const fleet: Fleet = {
    formatVersion: 1,
    fleet: 'stand-in',
    stateDirectory: directory,
    cacheDirectory: DEFAULT_CACHE_DIRECTORY,
    workstation: {
      mode: 'embedded',
      sshdPort: 12220,
      tunnelPorts: { first: 1024, last: 65535 },
      sshConfig,
      operatorSshConfig: DEFAULT_OPERATOR_SSH_CONFIG,
      developerKey: userKey,
    },
    hub: { url: hubUrl, domain: 'railiance', capabilityType: 'haskell-build-agent' },
    hosts: [
      {
        ...{ id: 'here', hypervisor: 'qemu', connection: 'local', network: 'nat', bridgeAdapter: null },
        userNetwork: 'isolated',
      },
    ],
    images: [
      {
        ...{ id: 'trixie', definitionHash: 'none', builder: 'mmdebstrap', buildHypervisor: null },
        ...{ ghcVersions: ['9.6.6'], cabalVersion: '3.10.3.0' },
      },
    ],
    vms: vms.map(({ id, port, heartbeatSeconds }, index) => ({
      id,
      name: `haskell-build-${id}`,
      aliases: [`haskell-build-${id}`, id, ...(index === 0 ? ['haskell-build'] : [])],
      default: index === 0,
      host: 'here',
      image: 'trixie',
      tunnelPort: port,
      cpus: 2,
      memoryMib: 2048,
      heartbeatSeconds,
    })),
  };
  const blocks = fleet.vms.map((vm) => ({
    aliases: [vm.name, vm.id] as [string, ...string[]],
    tunnelPort: vm.tunnelPort,
  }));
  // The machine has no account `build`; everything else is what a deploy writes.
  const config = renderSshConfig({ vms: blocks, identityFile: userKey, knownHostsFile }).replaceAll(
    'User build',
    `User ${userInfo().username}`,
  );
  writeFileSync(sshConfig, config);
  writeFileSync(
    knownHostsFile,
    renderKnownHosts(vms.map(({ id, hostKey }) => ({ alias: `haskell-build-${id}`, publicKey: hostKey }))),
  );
  const file = join(directory, 'fleet.json');
  writeFileSync(file, renderFleetFile(fleet));
  return file;
}
