import { accessSync, constants, readFileSync, statfsSync, statSync } from 'node:fs';
import { release } from 'node:os';
import type { PreflightMachine } from '../../drivers/preflight';
import { type LoginMachine, loginMachine } from '../../ssh/loopback-login';
import { describePortOwner, parseTcpTable, portOwner } from '../../process/port-owner';
import { readProcess } from '../../process/process-identity';

/** The process that listens on a port of this machine. */
export interface Listener {
  /** `python3 (pid 4711, user alice)` */
  readonly description: string;
  /** Name of the program; null when it is another user's. */
  readonly program: string | null;
  readonly argv: readonly string[];
}

/** The workstation as checks see it. Looking changes nothing. */
export interface Machine extends PreflightMachine {
  readonly environment: NodeJS.ProcessEnv;
  readonly home: string;
  /** `20.19.4` */
  readonly nodeVersion: string;
  /** Absolute path of the Node that runs this. */
  readonly nodeProgram: string;
  readonly login: LoginMachine;
  isDirectory(path: string): boolean;
  freeMebibytes(directory: string): number;
  listener(port: number): Listener | null;
  /** Ports that something listens on, on any address. */
  listeningPorts(): ReadonlySet<number>;
}

/** The machine that this process runs on. */
export function thisMachine({ run, environment, home }: Pick<Machine, 'run' | 'environment' | 'home'>): Machine {
  const login = loginMachine(home);
  const read = (path: string): string | null => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return null;
    }
  };
  return {
    run,
    environment,
    home,
    login,
    user: { name: login.account.username, uid: login.account.uid },
    nodeVersion: process.versions.node,
    nodeProgram: process.execPath,
    kernel: release(),
    read,
    access: (path) => {
      try {
        accessSync(path, constants.R_OK | constants.W_OK);
        return 'usable';
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        return code === 'ENOENT' || code === 'ENOTDIR' ? 'missing' : code === 'EROFS' ? 'read-only' : 'denied';
      }
    },
    isDirectory: (path) => {
      try {
        return statSync(path).isDirectory();
      } catch {
        return false;
      }
    },
    freeMebibytes: (directory) => {
      const { bavail, bsize } = statfsSync(directory);
      return Math.floor((bavail * bsize) / (1024 * 1024));
    },
    listener: (port) => {
      const owner = portOwner(port);
      if (owner === null) return null;
      const argv = owner.pid === null ? [] : (readProcess(owner.pid)?.argv ?? []);
      return { description: describePortOwner(owner), program: owner.program, argv };
    },
    listeningPorts: () => {
      const sockets = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => parseTcpTable(read(table) ?? ''));
      return new Set(sockets.filter(({ listening }) => listening).map(({ localPort }) => localPort));
    },
  };
}
