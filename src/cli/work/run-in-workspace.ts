import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { FleetVm } from '../../model/fleet';
import { runInteractive } from '../../process/interactive';
import { shellWord, shellWords } from '../../rendering/shell-word';
import { SshFailure } from '../../ssh/failure';
import type { Variables } from '../project/environment';
import { PackagePaths } from '../project/package-paths';
import { BUILD_ROOT } from '../project/workspace';
import { answerTooLarge } from '../ssh/answer-too-large';
import type { Connections } from '../ssh/connections';
import { scriptWithoutTerminal, scriptWithTerminal } from '../ssh/remote-command';
import { ConnectionLost } from './connection-lost';
import { Passing } from './passing';
import { scriptText } from './script';

export interface WorkspaceCommand {
  readonly vm: FleetVm;
  /** Name of the workspace, which has to be held: see `withWorkspace`. */
  readonly workspace: string;
  /** Where to run, relative to the workspace; empty for the workspace itself. */
  readonly subdirectory: string;
  readonly argv: readonly string[];
  /** Environment variables for it. Default: none. */
  readonly variables?: Variables;
  /** Text of a bash script that is evaluated before; undefined for none. */
  readonly prepare?: string | undefined;
  /** Whether it only writes text: then no more than colours reaches a terminal. Default false. */
  readonly isText?: boolean;
  /**
   * Ends the command when it fires. Such a command gets no input, and Ctrl-C is for this process alone. Default: it has
   * our input, and signals that this process gets
   */
  readonly cancel?: AbortSignal | undefined;
  /** Whether SIGINT interrupts the command there, and nothing here. Default false. */
  readonly hasInterrupts?: boolean;
  /** Absolute path of the project where paths of packages are shown from its root, in a command that only writes text. */
  readonly pathsFrom?: string | undefined;
  /** What our input passes on its way, where it is no terminal. */
  readonly inputThrough?: Duplex | undefined;
  /** When the command may begin. Never, when it rejects. */
  readonly after: Promise<unknown>;
}

/** Exit codes from here on may stand for a signal, or for a connection that broke. */
const SIGNALS = 128;

/** Exit code after a terminal that closed. */
const HANGUP = 129;

/** Longest that a VM may take to tell how a command ended, after which the connection counts as lost. */
const EXIT_STATUS_MS = 10_000;

/** Tools of {@link runInWorkspace}. */
export interface RunTools {
  readonly connections: Connections;
  /** Has fired when this process was asked to end. */
  readonly signal: AbortSignal;
}

/** Has the machine wait for a line on standard input; without one there is nothing to do. */
const WAIT = 'read -r _ || exit 0\n';

/**
 * Runs a command in a workspace on our own terminal. With a terminal here it has one there, of the same width; otherwise
 * every byte passes unchanged, and ssh and the shell there are started before the command may begin.
 *
 * @returns its exit code, or 128 and the number of the signal that this process got
 * @throws ConnectionLost; what `after` rejects with
 */
export async function runInWorkspace({ connections, signal }: RunTools, request: WorkspaceCommand): Promise<number> {
  const { vm, workspace, subdirectory, prepare = '', isText = false, cancel, hasInterrupts = false } = request;
  const { inputThrough, variables = new Map() } = request;
  const passing = new Passing(connections, vm, variables);
  const argv = passing.command(request.argv);
  const after = request.after.then(() => passing.place());
  after.catch(() => undefined);
  const id = randomBytes(8).toString('hex');
  const onInterrupt = hasInterrupts ? () => void interrupt(connections, vm, workspace) : undefined;
  const { pathsFrom } = request;
  const paths = pathsFrom === undefined ? undefined : new PackagePaths(pathsFrom, `${BUILD_ROOT}/${workspace}`);
  const changeLine = paths === undefined ? undefined : (line: string) => paths.rewrite(line);
  const options = { isText, changeLine, hasNoInput: cancel !== undefined, signal: cancel, onInterrupt };
  const [script, args] = [scriptText('run'), [BUILD_ROOT, workspace, subdirectory, id, prepare, ...argv]];
  // The session ends the command when this process is gone.
  const startAhead = () => {
    const command = scriptWithoutTerminal('run', `${WAIT}${script}`, args);
    return runInteractive('ssh', connections.arguments(vm, 'streams', command), { ...options, inputThrough, after });
  };
  // Input that is typed meanwhile belongs to this process.
  const onTerminal = async () => {
    await after;
    const command = scriptWithTerminal('run', script, args);
    return runInteractive('ssh', connections.arguments(vm, 'terminal', command), options);
  };
  // Input would be read as it is typed, and Ctrl-C with it. ssh does not tell the size of a terminal that is no input.
  const onScreen = async (signal: AbortSignal) => {
    await after;
    if (signal.aborted) return { exitCode: HANGUP };
    const sized = `stty ${terminalSize()}\n${prepare}`;
    const sizedArgs = [BUILD_ROOT, workspace, subdirectory, id, sized, ...argv];
    const command = scriptWithTerminal('run', script, sizedArgs);
    return runInteractive('ssh', connections.arguments(vm, 'terminal-without-input', command), options);
  };
  const hasScreen = process.stdout.isTTY && process.stderr.isTTY;
  const begin = () => {
    if (cancel !== undefined && hasScreen) return onScreen(cancel);
    return cancel === undefined && hasScreen && process.stdin.isTTY ? onTerminal() : startAhead();
  };
  const { exitCode, endedBy } = await begin();
  await after;
  if (exitCode < SIGNALS || exitCode === HANGUP || signal.aborted) return exitCode;
  // The command may have ended like this itself. Otherwise ssh was ended here, or the session there ended everything
  // because its holder had gone.
  const status = await exitStatus(connections, vm, workspace, id);
  // A command that was killed with its connection has the exit code of an ssh that was killed.
  if (status === 0 || (status === exitCode && endedBy === undefined)) return status;
  // With its connection a command loses its output, and may fail of that.
  throw new ConnectionLost(vm, '');
}

/** Has the command do what Ctrl-C on a terminal of its own would. One that has ended need not be. */
async function interrupt(connections: Connections, vm: FleetVm, workspace: string): Promise<void> {
  const group = shellWord(`${BUILD_ROOT}/.buildfleet/${workspace}.group`);
  const command = `read -r group <${group} && kill -INT -- "-$group"`;
  await connections.run(vm, { what: 'the interrupt', command }).catch(() => undefined);
}

function terminalSize(): string {
  const { rows, columns } = process.stdout;
  return `rows ${rows} cols ${columns}`;
}

/** How a run ended, as the VM has noted it; undefined when it did not end, or when the VM cannot be asked. */
async function exitStatus(
  connections: Connections,
  vm: FleetVm,
  workspace: string,
  id: string,
): Promise<number | undefined> {
  try {
    const command = shellWords(['cat', `${BUILD_ROOT}/.buildfleet/${workspace}.exit`]);
    const { stdout } = await connections.run(vm, { what: 'the exit code', command, timeout: EXIT_STATUS_MS });
    const [noted, status] = stdout.trim().split(' ');
    return noted === id ? Number(status) : undefined;
  } catch (error) {
    if (error instanceof SshFailure && error.kind === 'too-much') throw answerTooLarge(vm, error);
    if (error instanceof SshFailure) return undefined;
    throw error;
  }
}
