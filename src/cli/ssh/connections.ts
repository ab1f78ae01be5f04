import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { withLock } from '../../files/lock';
import type { FleetVm } from '../../model/fleet';
import type { Run } from '../../process/run';
import type { LoadedFleet } from '../fleet-file';
import { runtimeDirectory } from './runtime-directory';
import { sshArguments } from './remote-command';

/** Seconds that an idle connection stays. */
const PERSIST_SECONDS = 600;

/** Longest that a master may take to greet us. It is a process of this machine; a stopped one never does. */
const GREETING_MS = 1000;

/** What {@link Connections} works with. */
export interface ConnectionTools {
  readonly run: Run;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** Login that the caller may wait for. */
export interface OpenOptions {
  /** For the TCP connection and the login together. */
  readonly timeoutSeconds: number;
  /** In place of the tools' own. */
  readonly signal?: AbortSignal;
}

/**
 * One SSH connection a VM, which all commands of this account share: the first logs in and leaves a master behind that
 * holds the connection, the others cost no handshake. A master whose connection is dead ends by itself within seconds.
 */
export class Connections {
  constructor(
    private readonly loaded: LoadedFleet,
    private readonly tools: ConnectionTools,
  ) {}

  /**
   * Sees to it that there is a connection. A master that does not answer is replaced.
   *
   * @throws CommandError of ssh when the VM cannot be reached or does not let us in
   */
  async open(vm: FleetVm, { timeoutSeconds, signal = this.tools.signal }: OpenOptions): Promise<void> {
    const socket = this.socket(vm);
    if (await greets(socket)) return;
    // Two masters for one socket: the second would stay for ever with nobody to use it.
    await withLock(
      `${socket}.lock`,
      async () => {
        if (await greets(socket)) return;
        await this.close(vm);
        const options = [
          ...['-M', '-N', '-f', '-T', '-S', socket, '-o', `ControlPersist=${PERSIST_SECONDS}`],
          ...['-o', 'BatchMode=yes', '-o', `ConnectTimeout=${timeoutSeconds}`, '-o', 'ConnectionAttempts=1'],
          ...['-o', 'ServerAliveInterval=2', '-o', 'ServerAliveCountMax=3', '-o', 'LogLevel=ERROR'],
        ];
        await this.tools.run('ssh', sshArguments(this.loaded.sshConfig, options, vm.name), {
          signal,
          timeout: timeoutSeconds * 1000,
        });
      },
      { signal },
    );
  }

  /** Whether there is a connection with a master that answers. The VM is not asked. */
  isOpen(vm: FleetVm): Promise<boolean> {
    return greets(this.socket(vm));
  }

  /** Ends the connection, if there is one, and every command that uses it. */
  async close(vm: FleetVm): Promise<void> {
    const socket = this.socket(vm);
    const options = ['-S', socket, '-O', 'exit', '-o', 'LogLevel=QUIET'];
    // It may have no master, or one that does not listen to us.
    await this.tools
      .run('ssh', sshArguments(this.loaded.sshConfig, options, vm.name), { timeout: GREETING_MS })
      .catch(() => undefined);
    await rm(socket, { force: true });
  }

  /**
   * Arguments for ssh that use the connection if there is one, and a new one of their own otherwise.
   *
   * @param options more options of ssh
   */
  arguments(vm: FleetVm, options: readonly string[], command?: string): string[] {
    const shared = ['-S', this.socket(vm), '-o', 'ControlMaster=no'];
    return sshArguments(this.loaded.sshConfig, [...shared, ...options], vm.name, command);
  }

  /** The control socket: short, because the kernel allows 107 bytes and ssh adds 17 while it makes one. */
  private socket(vm: FleetVm): string {
    const name = createHash('sha256').update(`${this.loaded.paths.stateDirectory}\0${vm.name}`).digest('hex');
    return join(runtimeDirectory(this.tools.environment), name.slice(0, 16));
  }
}

/** Whether a master accepts us and speaks: its greeting comes before anything is asked. */
function greets(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection(socket);
    const end = (answer: boolean) => {
      connection.destroy();
      resolve(answer);
    };
    connection.setTimeout(GREETING_MS, () => {
      end(false);
    });
    connection.once('data', () => {
      end(true);
    });
    connection.once('error', () => {
      end(false);
    });
    connection.once('close', () => {
      end(false);
    });
  });
}
