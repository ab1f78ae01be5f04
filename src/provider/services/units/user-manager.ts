import { statSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError, type CommandResult, type Run } from '../../../process/run';

/** What the manager knows of one unit. */
export interface UnitState {
  /** Whether it has read the unit's file. */
  readonly isLoaded: boolean;
  /** Whether the file was changed since. */
  readonly isStale: boolean;
  /** Null while the program does not run. */
  readonly pid: number | null;
}

/** Milliseconds; stopping a service takes five seconds at most. */
const TIME_LIMIT = 30_000;
/** What `stop` and `reset-failed` say of a unit that the manager does not know. */
const NOT_LOADED = [0, 1, 5];

/** The operator's own systemd manager, controlled by systemctl. */
export class UserManager {
  private constructor(
    private readonly run: Run,
    private readonly runtimeDirectory: string,
  ) {}

  /**
   * Finds the manager that answers in this runtime directory and reads units from this directory. One of
   * another account, or one that was started with another home, does not count.
   *
   * @returns null if there is none
   */
  static async find(
    run: Run,
    runtimeDirectory: string,
    unitDirectory: string,
    signal?: AbortSignal,
  ): Promise<UserManager | null> {
    const socket = statSync(join(runtimeDirectory, 'systemd/private'), { throwIfNoEntry: false });
    if (socket?.isSocket() !== true || socket.uid !== process.getuid?.()) return null;
    const manager = new UserManager(run, runtimeDirectory);
    try {
      const { stdout } = await manager.systemctl(['show', '--property=UnitPath', '--value'], signal);
      return stdout.trim().split(' ').includes(unitDirectory) ? manager : null;
    } catch (error) {
      if (!(error instanceof CommandError) || error.cancelled) throw error;
      return null;
    }
  }

  /** By unit, in the order asked for. */
  async show(units: readonly string[], signal?: AbortSignal): Promise<ReadonlyMap<string, UnitState>> {
    const properties = '--property=Id,LoadState,ActiveState,MainPID,NeedDaemonReload';
    const { stdout } = await this.systemctl(['show', properties, '--', ...units], signal);
    return parseUnitStates(stdout);
  }

  async reload(signal?: AbortSignal): Promise<void> {
    await this.systemctl(['daemon-reload'], signal);
  }

  /** Starts units that do not run, without waiting for them. */
  async start(units: readonly string[], signal?: AbortSignal): Promise<void> {
    await this.systemctl(['start', '--no-block', '--', ...units], signal);
  }

  /** Stops units, also ones that wait for their next start, and waits until they have stopped. */
  async stop(units: readonly string[], signal?: AbortSignal): Promise<void> {
    await this.systemctl(['stop', '--', ...units], signal, NOT_LOADED);
  }

  /** Forgets that units have failed, so that nothing lists them any more. */
  async forget(units: readonly string[], signal?: AbortSignal): Promise<void> {
    await this.systemctl(['reset-failed', '--', ...units], signal, NOT_LOADED);
  }

  /** What `systemctl status` says, with the end of the unit's log where the operator may read it. */
  async describe(unit: string): Promise<string> {
    const args = ['status', '--no-pager', '--full', '--lines=10', '--', unit];
    const { stdout, stderr } = await this.systemctl(args, undefined, [0, 1, 2, 3, 4]);
    return (stdout + stderr).trim();
  }

  private systemctl(
    args: readonly string[],
    signal?: AbortSignal,
    acceptExitCodes: readonly number[] = [0],
  ): Promise<CommandResult> {
    return this.run('systemctl', ['--user', ...args], {
      signal,
      acceptExitCodes,
      timeout: TIME_LIMIT,
      // Where the private socket does not answer, systemctl tries the session's bus, which may be another account's.
      env: {
        XDG_RUNTIME_DIR: this.runtimeDirectory,
        DBUS_SESSION_BUS_ADDRESS: `unix:path=${this.runtimeDirectory}/bus`,
      },
    });
  }
}

/** Reads `systemctl show` of several units: `Key=value` lines, an empty line between two units. */
export function parseUnitStates(text: string): ReadonlyMap<string, UnitState> {
  return new Map(
    text.split(/\n{2,}/).flatMap((block) => {
      const properties = new Map(
        block.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
      );
      const id = properties.get('Id');
      if (id === undefined) return [];
      const pid = Number(properties.get('MainPID') ?? '0');
      return [
        [
          id,
          {
            isLoaded: properties.get('LoadState') === 'loaded',
            isStale: properties.get('NeedDaemonReload') === 'yes',
            pid: properties.get('ActiveState') === 'active' && pid > 0 ? pid : null,
          },
        ] as const,
      ];
    }),
  );
}
