import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { withLock } from '../../files/lock';
import type { FleetVm } from '../../model/fleet';
import type { CommandResult, Run } from '../../process/run';
import {
  CONNECT_SECONDS,
  endMasterArguments,
  sshArguments,
  type SshConnection,
  type SshMode,
  sshOptions,
} from '../../ssh/arguments';
import { type RemoteCommand, runOnVm } from '../../ssh/run-on-vm';
import { fleetTarget, type SshTarget } from '../../ssh/target';
import type { LoadedFleet } from '../fleet-file';
import { runtimeDirectory } from '../../files/runtime-directory';

/** Longest that a master may take for its greeting. It is a process of this machine; a stopped one never greets. */
const GREETING_MS = 1000;

/** Tools of {@link Connections}. */
export interface ConnectionTools {
  readonly run: Run;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** A command for {@link Connections.run}. */
export interface ConnectionCommand extends RemoteCommand {
  readonly command: string;
  /** Whether it logs in for itself, as a proof that the VM accepts the key now. Default false. */
  readonly ownConnection?: boolean;
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
   * Opens the connection where there is none. A master that does not answer is replaced.
   *
   * @param signal in place of the tools' own
   * @throws SshFailure when the VM cannot be reached or refuses the key; CommandError when the signal fired
   */
  async open(vm: FleetVm, signal: AbortSignal = this.tools.signal): Promise<void> {
    const socket = this.socket(vm);
    if (await greets(socket)) return;
    // Of two masters for one socket, the second would stay for ever without a client.
    await withLock(
      `${socket}.lock`,
      async () => {
        if (await greets(socket)) return;
        await this.close(vm);
        const call = { mode: 'program', connection: { kind: 'master', socket } } as const;
        const what = 'the shared connection';
        // The login takes its time, too.
        await runOnVm(this.tools.run, this.target(vm), call, { what, signal, timeout: CONNECT_SECONDS * 1000 });
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
    // There may be no master, or one that does not answer.
    await this.tools
      .run('ssh', endMasterArguments(this.target(vm), socket), { timeout: GREETING_MS })
      .catch(() => undefined);
    await rm(socket, { force: true });
  }

  /**
   * Runs a command for a program that reads its answer.
   *
   * @throws SshFailure; CommandError when the signal fired
   */
  run(vm: FleetVm, { ownConnection = false, ...command }: ConnectionCommand): Promise<CommandResult> {
    const connection: SshConnection = ownConnection ? { kind: 'own' } : this.shared(vm);
    const { run, signal } = this.tools;
    return runOnVm(run, this.target(vm), { mode: 'program', connection }, { signal, ...command });
  }

  /** Arguments for ssh that use the connection if there is one, and a new one of their own otherwise. */
  arguments(vm: FleetVm, mode: SshMode, command?: string): string[] {
    return sshArguments(this.target(vm), { mode, connection: this.shared(vm) }, command);
  }

  /** The same without the host, for programs that add it themselves. */
  options(vm: FleetVm, mode: SshMode): string[] {
    return sshOptions(this.target(vm), { mode, connection: this.shared(vm) });
  }

  private target(vm: FleetVm): SshTarget {
    return fleetTarget(this.loaded.sshConfig, vm.name);
  }

  private shared(vm: FleetVm): SshConnection {
    return { kind: 'shared', socket: this.socket(vm) };
  }

  /** The control socket: short, because the kernel allows 107 bytes and ssh adds 17 while it makes one. */
  private socket(vm: FleetVm): string {
    const name = createHash('sha256').update(`${this.loaded.paths.stateDirectory}\0${vm.name}`).digest('hex');
    return join(runtimeDirectory(this.tools.environment), name.slice(0, 16));
  }
}

/** Whether a master accepts a connection and greets: its greeting comes before any request. */
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
