import { FleetError } from '../../model/errors';
import type { FleetVm } from '../../model/fleet';
import { hold } from '../../process/held';
import { BUILD_ROOT } from '../project/workspace';
import type { Connections } from '../ssh/connections';
import { scriptCommand } from '../ssh/remote-command';
import { ConnectionLost, wasCutOff } from './connection-lost';
import { scriptText } from './script';

/** A workspace that is ours for as long as the action runs. */
export interface SessionRequest {
  readonly vm: FleetVm;
  /** Name of the workspace. */
  readonly workspace: string;
  /** Who we are, for others who have to wait. */
  readonly who: string;
  /** Called with the name of who has it when we have to wait. */
  readonly onWait: (who: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Runs an action while nobody else works in the workspace. What an earlier user left running there is ended first, and
 * what the action leaves running afterwards: the machine does so by itself when it hears nothing more of us.
 *
 * @throws ConnectionLost; FleetError `workspace-refused` or `vm-draining`; what the action throws
 */
export async function withWorkspace<T>(
  connections: Connections,
  request: SessionRequest,
  action: () => Promise<T>,
): Promise<T> {
  const { vm, workspace, signal } = request;
  let answered: (word: string) => void = () => undefined;
  const answer = new Promise<string>((resolve) => (answered = resolve));
  const command = scriptCommand('session', scriptText('session'), [BUILD_ROOT, workspace, request.who]);
  const session = hold('ssh', connections.arguments(vm, ['-T', '-o', 'LogLevel=ERROR'], command), {
    signal,
    onLine: (line) => {
      if (line.startsWith('waiting ')) request.onWait(line.slice('waiting '.length));
      else answered(line);
    },
  });
  const early = session.ended.then(({ stderr, exitCode }) => {
    signal.throwIfAborted();
    if (wasCutOff('ssh', exitCode)) throw new ConnectionLost(vm, stderr);
    throw refused(vm, stderr.trim());
  });
  try {
    requireReady(await Promise.race([answer, early]), vm);
    return await Promise.race([action(), early]);
  } finally {
    early.catch(() => undefined);
    await session.release();
  }
}

function requireReady(answer: string, vm: FleetVm): void {
  if (answer === 'ready') return;
  if (answer === 'draining') {
    throw new FleetError({
      code: 'vm-draining',
      problem: `${vm.name} takes no new builds, because a deploy is about to stop it`,
      remedy: 'wait for the deploy, or build on another VM: leave out --vm',
    });
  }
  throw refused(vm, answer.replace(/^refused /, ''));
}

function refused(vm: FleetVm, why: string): FleetError {
  return new FleetError({
    code: 'workspace-refused',
    problem: `${vm.name} does not open the workspace: ${why}`,
    remedy: `look at it with \`buildfleet ssh ${vm.id}\` and put it right`,
  });
}
