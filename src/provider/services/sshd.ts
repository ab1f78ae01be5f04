import { accessSync, constants, mkdirSync, readFileSync, readdirSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import { FleetError } from '../../model/errors';
import { account } from '../../process/account';
import { listensOn, processesOnLocalPort } from '../../process/port-owner';
import { readProcess, type ProcessIdentity } from '../../process/process-identity';
import { CommandError, type Run } from '../../process/run';
import { ANSWER_MS } from './service-list';
import type { SshdConfig } from './sshd-config';
import { writeFileAtomically } from '../../files/atomic';

/** Files of the private sshd. */
export function sshdPaths(directory: string) {
  return {
    config: join(directory, 'sshd_config'),
    hostKey: join(directory, 'ssh_host_ed25519_key'),
    authorizedKeys: join(directory, 'authorized_keys'),
    pidFile: join(directory, 'sshd.pid'),
    log: join(directory, 'sshd.log'),
  };
}

/** Facts about this machine that the configuration depends on. */
export interface SshdFacts {
  readonly program: string;
  readonly operator: string;
  readonly operatorIsRoot: boolean;
  readonly usePam: boolean;
  readonly strictModes: boolean;
  readonly hasPerSourcePenalties: boolean;
}

/**
 * Finds sshd and the facts that its configuration depends on.
 *
 * @throws FleetError `sshd-missing`, or `sshd-unsafe-directory` when others could replace its files
 */
export async function findSshd(run: Run, directory: string, signal: AbortSignal): Promise<SshdFacts> {
  const program = sshdProgram();
  const operator = account();
  // Old versions print their version only with a complaint about the option.
  const { stdout, stderr } = await run(program, ['-V'], { signal, acceptExitCodes: [0, 1, 255] });
  const [, major = '0', minor = '0'] = /OpenSSH_(\d+)\.(\d+)/.exec(stdout + stderr) ?? [];
  return {
    program,
    operator: operator.username,
    operatorIsRoot: operator.uid === 0,
    usePam: operator.uid === 0 && passwordIsLocked(operator.username),
    strictModes: checkDirectories(directory, operator.uid) === 'strict',
    hasPerSourcePenalties: Number(major) > 9 || (Number(major) === 9 && Number(minor) >= 8),
  };
}

/** The record for `renderSshdConfig`. */
export function sshdConfig(
  directory: string,
  facts: SshdFacts,
  ports: {
    readonly address: string | null;
    readonly sshdPort: number;
    readonly hubPort: number;
    readonly tunnelPorts: { readonly first: number; readonly last: number };
  },
): SshdConfig {
  const { hostKey, authorizedKeys, pidFile } = sshdPaths(directory);
  return {
    ...facts,
    hostKey,
    authorizedKeys,
    pidFile,
    address: ports.address,
    port: ports.sshdPort,
    hubPort: ports.hubPort,
    tunnelPorts: ports.tunnelPorts,
  };
}

/** Directories that sshd insists on. */
export function sshdDirectories(facts: SshdFacts): readonly string[] {
  return facts.operatorIsRoot ? [PRIVILEGE_SEPARATION_DIRECTORY] : [];
}

export function sshdArgv(directory: string, facts: SshdFacts): readonly string[] {
  return [facts.program, '-D', '-e', '-f', sshdPaths(directory).config];
}

/**
 * Puts a configuration in place after sshd itself has found no fault with it.
 *
 * @throws FleetError `sshd-refuses-configuration` with sshd's words; the old configuration is then still in place
 */
export async function installSshdConfig(
  run: Run,
  directory: string,
  facts: SshdFacts,
  text: string,
  signal: AbortSignal,
): Promise<void> {
  const { config } = sshdPaths(directory);
  for (const path of sshdDirectories(facts)) mkdirSync(path, { recursive: true, mode: 0o755 });
  const candidate = `${config}.candidate`;
  writeFileAtomically(candidate, text, { mode: 0o600 });
  try {
    await run(facts.program, ['-t', '-f', candidate], { signal });
  } catch (error) {
    if (!(error instanceof CommandError) || error.cancelled) throw error;
    throw new FleetError({
      code: 'sshd-refuses-configuration',
      problem: `sshd refuses its generated configuration: ${error.stderr.trim()}`,
      place: config,
      remedy: 'see whether this machine has OpenSSH 8.7 or newer',
      attribute: 'sshd',
      cause: error,
    });
  } finally {
    rmSync(candidate, { force: true });
  }
  if (readOrEmpty(config) !== text) writeFileAtomically(config, text, { mode: 0o600 });
}

/** Whether this process listens on the port and greets as an sshd does. Starts no program. */
export async function sshdAnswers(process: ProcessIdentity, port: number): Promise<boolean> {
  return listensOn(process.pid, port) && (await greeting(port)).startsWith('SSH-2.0-');
}

/** Processes of connections to the private sshd. They outlive its listener, so that a restart cuts no tunnel. */
export function sshdSessions(port: number): ProcessIdentity[] {
  return processesOnLocalPort(port).flatMap((pid) => {
    const process = readProcess(pid);
    return process !== undefined && /^(\S*\/)?sshd(-session|-auth)?(:|$)/.test(process.argv[0] ?? '') ? [process] : [];
  });
}

/** Removes the private sshd's files; authorized_keys belongs to another resource. */
export function removeSshdFiles(directory: string): void {
  const { config, hostKey, pidFile, log } = sshdPaths(directory);
  for (const path of [config, hostKey, `${hostKey}.pub`, pidFile, log, `${log}.1`]) rmSync(path, { force: true });
}

/** Compiled into sshd, which insists on it when it runs as root; systemd makes it for a system sshd only. */
const PRIVILEGE_SEPARATION_DIRECTORY = '/run/sshd';

/** Whether the directory that only root's sshd needs had to be made, so that it can be removed again. */
export function lacksPrivilegeSeparationDirectory(facts: SshdFacts): boolean {
  return facts.operatorIsRoot && statSync(PRIVILEGE_SEPARATION_DIRECTORY, { throwIfNoEntry: false }) === undefined;
}

/** Removes the directory unless it is in use. A system sshd that starts later has it made by its own unit. */
export function removePrivilegeSeparationDirectory(): void {
  const sshdRuns = readdirSync('/proc').some(
    (name) => /^\d+$/.test(name) && /(^|\/)sshd(:|$)/.test(readProcess(Number(name))?.argv[0] ?? ''),
  );
  if (sshdRuns) return;
  try {
    rmdirSync(PRIVILEGE_SEPARATION_DIRECTORY);
  } catch {
    // gone, or not empty and therefore another sshd's
  }
}

function sshdProgram(): string {
  const directories = [
    '/usr/sbin',
    '/usr/local/sbin',
    '/usr/bin',
    '/sbin',
    ...(process.env['PATH'] ?? '').split(delimiter),
  ];
  for (const directory of directories) {
    const program = join(directory, 'sshd');
    try {
      accessSync(program, constants.X_OK);
      return program;
    } catch {
      // not here
    }
  }
  throw new FleetError({
    code: 'sshd-missing',
    problem: 'this workstation has no sshd, which the tunnels end at',
    remedy: 'install it (Debian and Ubuntu: apt-get install openssh-server); its own service need not run',
    attribute: 'sshd',
  });
}

/**
 * sshd without PAM refuses an account whose password begins with `!`, even for keys. It can see that only as root.
 */
function passwordIsLocked(account: string): boolean {
  const line = readOrEmpty('/etc/shadow')
    .split('\n')
    .find((candidate) => candidate.startsWith(`${account}:`));
  return (line?.split(':')[1] ?? '').startsWith('!');
}

/**
 * What StrictModes checks, plus directories like /tmp: writable for all but sticky, where other accounts cannot
 * replace the files. sshd knows no such exception.
 */
function checkDirectories(directory: string, uid: number): 'strict' | 'sticky' {
  let result: 'strict' | 'sticky' = 'strict';
  for (let path = directory; ; path = dirname(path)) {
    const stat = statSync(path);
    const writable = (stat.mode & 0o022) !== 0;
    const sticky = (stat.mode & 0o1000) !== 0;
    if (stat.uid !== uid && stat.uid !== 0) {
      throw new FleetError({
        code: 'sshd-unsafe-directory',
        problem: `this directory belongs to user id ${stat.uid}, so sshd would not use the keys below it`,
        place: path,
        remedy: `run "chown ${uid} ${path}" as root if it is yours, or choose another state directory`,
        attribute: 'sshd',
      });
    }
    if (writable && !sticky) {
      throw new FleetError({
        code: 'sshd-unsafe-directory',
        problem: 'others may replace the keys below this directory, so sshd would not use them',
        place: path,
        value: (stat.mode & 0o7777).toString(8).padStart(4, '0'),
        remedy: `run "chmod go-w ${path}" if the directory is yours, or choose another state directory`,
        attribute: 'sshd',
      });
    }
    if (writable) result = 'sticky';
    if (path === dirname(path)) return result;
  }
}

/** First line that a server sends, empty if there is none in time. */
function greeting(port: number): Promise<string> {
  return new Promise((done) => {
    let text = '';
    const socket = connect({ host: '127.0.0.1', port });
    const finish = () => {
      socket.destroy();
      done(text);
    };
    socket.setTimeout(ANSWER_MS, finish);
    socket.once('error', finish);
    socket.once('end', finish);
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (text.includes('\n') || text.length > 1000) finish();
    });
  });
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
