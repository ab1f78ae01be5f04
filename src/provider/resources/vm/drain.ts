import { FleetError } from '../../../model/errors';
import type { Progress } from '../../../model/journal';
import type { Hold } from '../../../process/held';
import { shellWord } from '../../../rendering/shell-word';
import { sshArguments } from '../../../ssh/arguments';
import { SshFailure } from '../../../ssh/failure';
import type { Logger } from '../../plugin/resource';
import { type Build, describeBuilds, readRounds } from './drain-rounds';
import { vmTarget } from './ssh-target';

/** A VM that is about to be stopped, and the means to ask for its builds. */
export interface Drain {
  readonly name: string;
  /** Port on the workstation that leads to the VM now. */
  readonly tunnelPort: number;
  /** Private keys that may open the VM. Without any it cannot be asked. */
  readonly keys: readonly string[];
  /** Directory of the VM, where its host key is pinned. */
  readonly directory: string;
  /** Seconds that running builds are waited for; 0 stops the VM without asking for builds. */
  readonly timeoutSeconds: number;
  /** Text of `assets/cli/drain.sh`, which the VM need not have. */
  readonly script: string;
  readonly hold: Hold;
  readonly log: Logger;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** Where all workspaces of a build machine are. */
const BUILD_ROOT = '/build';

/** Seconds for the first answer: a machine that builds on all its CPUs is slow. */
const ANSWER_SECONDS = 60;

/** Most that a VM may say of its builds over one connection, in bytes: hours of it. */
const LARGEST_ANSWER = 64 * 2 ** 20;

/** Milliseconds for a guest to notice its release. A guest that is off by now never does. */
const RELEASE_MS = 5000;

/** A longer timer fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

type Outcome =
  | { readonly kind: 'idle' }
  | { readonly kind: 'busy'; readonly builds: readonly Build[] }
  | { readonly kind: 'lost'; readonly reason: string; readonly answered: boolean };

/**
 * Runs an action that ends every build on a VM: until it is done the VM takes no new builds, and running builds are
 * waited for. A VM that cannot be asked is not waited for.
 *
 * @throws FleetError `vm-busy` when builds still run after the time; what the action throws. New builds are taken again.
 */
export async function whileDrained<T>(drain: Drain, action: () => Promise<T>): Promise<T> {
  const { name, keys, timeoutSeconds, log, progress, signal } = drain;
  if (timeoutSeconds === 0 || keys.length === 0) {
    log.info('builds are not waited for', { vm: name, drainTimeoutSeconds: timeoutSeconds, keys: keys.length });
    return action();
  }
  progress.step('keeping new builds away');
  const limit: Limit = { deadline: undefined };
  for (;;) {
    const session = new DrainSession(drain, limit);
    try {
      const outcome = await session.outcome;
      signal.throwIfAborted();
      if (outcome.kind === 'busy') throw busy(drain, outcome.builds);
      if (outcome.kind === 'lost') {
        log.warn('the VM does not say what is built on it', { vm: name, reason: outcome.reason });
        // Only the connection may be lost: if the VM is, the next connection fails.
        if (outcome.answered) continue;
      }
      return await action();
    } finally {
      await session.release();
    }
  }
}

/** When the time is over, in milliseconds; known once the VM has answered. */
interface Limit {
  deadline: number | undefined;
}

/** One connection that keeps new builds away for as long as it is there. */
class DrainSession {
  readonly outcome: Promise<Outcome>;
  private readonly command: ReturnType<Hold>;
  private readonly kill = new AbortController();
  private settle: (outcome: Outcome) => void = () => undefined;
  private timer: NodeJS.Timeout;
  private answered = false;
  private builds: readonly Build[] = [];

  constructor(
    private readonly drain: Drain,
    private readonly limit: Limit,
  ) {
    this.outcome = new Promise((resolve) => (this.settle = resolve));
    this.timer = setTimeout(() => {
      this.lost(`no answer within ${ANSWER_SECONDS} s`);
    }, ANSWER_SECONDS * 1000);
    drain.signal.addEventListener('abort', this.cancelled, { once: true });
    if (drain.signal.aborted) this.cancelled();
    this.command = drain.hold('ssh', drainArguments(drain), {
      onLine: readRounds((builds) => {
        this.onRound(builds);
      }),
      signal: this.kill.signal,
      limit: LARGEST_ANSWER,
    });
    void this.command.ended.then((end) => {
      const { said, message } = new SshFailure(drain.name, 'the drain', end);
      this.lost(said || message);
    });
  }

  /** Lets the VM take builds again, if it is still there. */
  async release(): Promise<void> {
    clearTimeout(this.timer);
    this.drain.signal.removeEventListener('abort', this.cancelled);
    const timer = setTimeout(() => {
      this.kill.abort();
    }, RELEASE_MS);
    await this.command.release();
    clearTimeout(timer);
  }

  private onRound(builds: readonly Build[]): void {
    if (!this.answered) {
      this.answered = true;
      clearTimeout(this.timer);
      this.limit.deadline ??= Date.now() + this.drain.timeoutSeconds * 1000;
      this.timer = setTimeout(
        () => {
          this.settle({ kind: 'busy', builds: this.builds });
        },
        Math.min(this.limit.deadline - Date.now(), LONGEST_TIMER_MS),
      );
    }
    this.builds = builds;
    if (builds.length === 0) this.settle({ kind: 'idle' });
    else this.drain.progress.step(`waiting for ${count(builds)}`, describeBuilds(builds));
  }

  private lost(reason: string): void {
    // A connection that is lost again and again must not win time.
    const isLate = this.answered && Date.now() >= (this.limit.deadline ?? 0);
    this.settle(isLate ? { kind: 'busy', builds: this.builds } : { kind: 'lost', reason, answered: this.answered });
  }

  private readonly cancelled = (): void => {
    this.lost('cancelled');
  };
}

function drainArguments({ name, tunnelPort, directory, keys, script }: Drain): string[] {
  const command = `exec bash -c ${shellWord(script)} drain ${BUILD_ROOT}`;
  const call = { mode: 'program', connection: { kind: 'own' } } as const;
  return sshArguments(vmTarget(name, tunnelPort, directory, keys), call, command);
}

function busy({ name, timeoutSeconds }: Drain, builds: readonly Build[]): FleetError {
  return new FleetError({
    code: 'vm-busy',
    problem: `${count(builds)} did not end within ${timeoutSeconds} s: ${describeBuilds(builds)}`,
    place: name,
    remedy: 'wait for them or end them, then deploy again; with a longer drainTimeout of the VM a deploy waits longer',
  });
}

function count(builds: readonly Build[]): string {
  return builds.length === 1 ? '1 build' : `${builds.length} builds`;
}
