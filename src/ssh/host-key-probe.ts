import { CommandError, type Run } from '../process/run';
import { sshArguments } from './arguments';
import { classifySshFailure, type TunnelProbe } from './client-messages';
import type { SshTarget } from './target';

export interface ProbeOptions {
  /** For the connection and the key exchange together. */
  readonly timeoutSeconds: number;
  /** Ends the time early: what was seen until then is the answer. */
  readonly enough?: AbortSignal;
  /** Called when the connection is accepted, and when the other side has sent its identification. */
  readonly onStep?: (step: 'connected' | 'greeted') => void;
  readonly signal?: AbortSignal;
}

/**
 * Asks the sshd behind a tunnel for its identification and for the proof that it has the pinned host key, and hangs
 * up before logging in. ssh does the checking, with the very configuration that a login uses.
 */
export async function probeHostKey(run: Run, target: SshTarget, options: ProbeOptions): Promise<TunnelProbe> {
  const args = sshArguments(target, {
    mode: 'program',
    connection: { kind: 'own' },
    connectSeconds: options.timeoutSeconds,
    first: [
      // Only this level prints lines before the identification, such as those of a web server.
      ...['-o', 'LogLevel=DEBUG1', '-o', 'ClearAllForwardings=yes'],
      // The cheapest exchange that every sshd has: an emulated CPU needs a second for the post-quantum ones.
      ...['-o', 'KexAlgorithms=curve25519-sha256', '-o', 'PreferredAuthentications=none'],
    ],
  });
  const { signal, enough, timeoutSeconds, onStep } = options;
  const signals = [signal, enough].filter((each) => each !== undefined);
  try {
    const result = await run('ssh', args, {
      acceptExitCodes: [255],
      timeout: timeoutSeconds * 1000,
      limit: LARGEST_DEBUG,
      ...(signals.length === 0 ? {} : { signal: AbortSignal.any(signals) }),
      ...(onStep === undefined ? {} : { onLine: tellSteps(onStep) }),
    });
    return classifySshFailure(result.stderr);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (error.code === 'ENOENT') return { state: 'unknown', detail: 'ssh is not installed' };
    if (error.cancelled && (signal?.aborted || !enough?.aborted)) throw error;
    if (error.excess !== undefined) return { state: 'not-ssh', detail: `it says ${error.excess}` };
    const seen = classifySshFailure(error.stderr);
    // Without an exit code it was our own time limit that ended ssh.
    if (error.exitCode !== undefined || seen.state !== 'unknown') return seen;
    return error.stderr.includes(GREETING)
      ? { state: 'slow', detail: 'no proof of its host key in time' }
      : { state: 'silent', detail: 'no answer in time' };
  }
}

/** Most that ssh may say while it looks, in bytes: it repeats what an sshd says before the login. */
const LARGEST_DEBUG = 256 * 1024;

/** What OpenSSH's client says when it has read the identification of an sshd. */
const GREETING = 'debug1: Remote protocol version 2.0';

function tellSteps(onStep: NonNullable<ProbeOptions['onStep']>): (line: string) => void {
  return (line) => {
    if (line.startsWith('debug1: Connection established')) onStep('connected');
    else if (line.startsWith(GREETING) || /banner line \d+:/.test(line)) onStep('greeted');
  };
}
