import { setTimeout as pause } from 'node:timers/promises';
import { FleetError } from '../../model/errors';
import type { FleetVm } from '../../model/fleet';
import { printableLine } from '../../model/printable';
import { hold } from '../../process/held';
import { SshFailure } from '../../ssh/failure';
import { visibleName } from '../project/visible-name';
import { BUILD_ROOT } from '../project/workspace';
import { answerTooLarge } from '../ssh/answer-too-large';
import type { Connections } from '../ssh/connections';
import { scriptCommand } from '../ssh/remote-command';
import { type ClockReading, readClock, requireRightClock } from './clock';
import { ConnectionLost, wasCutOff } from './connection-lost';
import { diskFullOn } from './disk-full';
import { missingHere } from './missing-program';
import { parseProbe, type Probe } from './probe';
import { scriptText } from './script';

/** A workspace that is held for as long as the action runs. */
export interface SessionRequest {
  readonly vm: FleetVm;
  /** Name of the workspace. */
  readonly workspace: string;
  /** Name of this session, shown to others that have to wait. */
  readonly who: string;
  /** Absolute path of the project that it is of, for `buildfleet workspaces`. Default: the one that is known. */
  readonly project?: string | undefined;
  /** Called with the holder's name when this session has to wait. */
  readonly onWait: (who: string) => void;
  /** Called when the machine's clock has been put right, with the seconds that it was ahead, negative for behind. */
  readonly onClockSet: (ahead: number) => void;
  /**
   * Only if the workspace is there already and the machine, as it is now, will do. Its answer is not waited for as long
   * as that of a machine without which nothing can be done.
   */
  readonly onlyIf?: ((probe: Probe) => boolean) | undefined;
  /** Whether SIGINT is for the command in the workspace, and ends no session. Default false */
  readonly outlivesInterrupt?: boolean | undefined;
  readonly signal: AbortSignal;
}

/** The machine will not do, or does not answer. Nothing was changed there. */
export class NotAdmitted extends Error {
  /** @param silence why the machine need not be asked again, where it said nothing for too long */
  constructor(readonly silence: string | undefined) {
    super('the machine will not do');
  }
}

/** Longest name of the holder of a workspace that is shown, in characters. */
const LONGEST_NAME = 200;

/** Longest that is waited for a machine for which there may be another: it may cost 3 s with all that follows. */
const SOON_MS = 2500;

/**
 * Runs an action while no other session has the workspace. Processes that an earlier session left there are ended
 * first, and those of the action afterwards: the machine does so by itself when the connection is gone.
 *
 * @throws ConnectionLost; NotAdmitted; FleetError `workspace-refused`, `vm-draining`, `vm-clock-wrong` or `vm-answer-limit`; what the action throws
 */
export async function withWorkspace<T>(
  connections: Connections,
  request: SessionRequest,
  action: () => Promise<T>,
): Promise<T> {
  const { vm, signal } = request;
  const asked = Date.now();
  const { onLine, admitted, answer, clock } = listen(request, asked);
  const late = new AbortController();
  const session = hold('ssh', connections.arguments(vm, 'program', commandOf(request, asked)), {
    signal: AbortSignal.any([signal, late.signal]),
    inOurGroup: request.outlivesInterrupt !== true,
    onLine,
  });
  const early = session.ended.then(({ stderr, exitCode, code, excess }) => {
    signal.throwIfAborted();
    if (code === 'ENOENT') throw missingHere('ssh', undefined);
    if (excess !== undefined)
      throw answerTooLarge(vm, new SshFailure(vm.name, 'the session', { stderr, exitCode, excess }));
    if (wasCutOff('ssh', exitCode)) throw new ConnectionLost(vm, stderr);
    throw workspaceRefused(vm, stderr.trim());
  });
  // It ends in any case, and mostly when no caller waits for that.
  early.catch(() => undefined);
  try {
    const admission = request.onlyIf === undefined ? 'admitted' : await soon(admitted, early);
    if (admission !== 'admitted') {
      signal.throwIfAborted();
      late.abort();
      throw new NotAdmitted(admission === 'silent' ? `no answer within ${SOON_MS / 1000} s` : undefined);
    }
    requireReady(await Promise.race([answer, early]), vm);
    requireRightClock(vm, clock());
    const result = await Promise.race([action(), early]);
    // The work there now need not be waited for.
    session.letGo();
    return result;
  } catch (error) {
    await session.release();
    throw error;
  }
}

function commandOf({ workspace, who, project = '', onlyIf }: SessionRequest, asked: number): string {
  const probe = onlyIf === undefined ? '' : scriptText('probe');
  const words = [BUILD_ROOT, workspace, who, String(asked * 1000), probe, visibleName(project)];
  return scriptCommand('session', scriptText('session'), words);
}

type Admission = 'admitted' | 'refused' | 'silent';

/**
 * Reads what `assets/cli/session.sh` prints, with what `probe.sh` says in it where the machine has to do.
 *
 * @param asked when the session was asked for, in ms since 1970
 */
function listen(
  { vm, onlyIf, onWait, onClockSet }: Pick<SessionRequest, 'vm' | 'onlyIf' | 'onWait' | 'onClockSet'>,
  asked: number,
) {
  let admit: (admission: Admission) => void = () => undefined;
  let settle: (word: string) => void = () => undefined;
  const admitted = new Promise<Admission>((resolve) => (admit = resolve));
  const answer = new Promise<string>((resolve) => (settle = resolve));
  let isWaiting = false;
  let reading: ClockReading | undefined;
  let probed: string[] | undefined = onlyIf === undefined ? undefined : [];
  const onLine = (line: string): void => {
    if (probed !== undefined) {
      // The probe's lines end with one of these; then the machine is admitted or refused.
      if (!/^(waiting |clock |ready$)/.test(line)) {
        probed.push(line);
        return;
      }
      const isAdmitted = onlyIf?.(parseProbe(probed.join('\n'), vm)) ?? true;
      admit(isAdmitted ? 'admitted' : 'refused');
      if (!isAdmitted) return;
      probed = undefined;
    }
    if (line.startsWith('clock ')) {
      reading = readClock(line, asked, Date.now());
      if (reading?.corrected !== undefined) onClockSet(reading.corrected);
    } else if (!line.startsWith('waiting ')) settle(line);
    else if (!isWaiting) {
      // The script says it once; what says it again is not the script.
      isWaiting = true;
      onWait(printableLine(line.slice('waiting '.length)).slice(0, LONGEST_NAME));
    }
  };
  return { onLine, admitted, answer, clock: () => reading };
}

async function soon(admitted: Promise<Admission>, ended: Promise<never>): Promise<Admission> {
  const timer = new AbortController();
  try {
    return await Promise.race([
      admitted,
      ended.catch((): Admission => 'refused'),
      pause<Admission>(SOON_MS, 'silent', { signal: timer.signal }).catch((): Admission => 'silent'),
    ]);
  } finally {
    timer.abort();
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
  throw workspaceRefused(vm, answer.replace(/^refused /, ''));
}

/** @param why in the words of `assets/cli/session.sh`, or of what kept it from running */
export function workspaceRefused(vm: FleetVm, why: string): FleetError {
  const full = diskFullOn(vm, why);
  if (full !== undefined) return full;
  return new FleetError({
    code: 'workspace-refused',
    problem: `${vm.name} does not open the workspace: ${why}`,
    remedy: `look at it with \`buildfleet ssh ${vm.id}\` and put it right`,
  });
}
