import { CommandError, type Run } from './run';

/** What answers where a VM's sshd should be. */
export type TunnelState =
  /** An sshd with the pinned host key. */
  | 'up'
  /** Nothing listens: the VM has not opened its tunnel. */
  | 'closed'
  /** An sshd has said what it is, and has not proven its host key within the time: it is busy. */
  | 'slow'
  /** Somebody listens but does not speak SSH within the time: the VM hangs, is gone without notice, or still boots. */
  | 'silent'
  /** An sshd with another host key, or none is pinned. */
  | 'wrong-host-key'
  /** Something that is no sshd. */
  | 'not-ssh'
  /** ssh failed in a way that says nothing about the other side. */
  | 'unknown';

/** What a probe saw, and the line of ssh that says so. */
export interface TunnelProbe {
  readonly state: TunnelState;
  /** Empty when the tunnel is up. */
  readonly detail: string;
}

export interface ProbeOptions {
  /** For the connection and the key exchange together. */
  readonly timeoutSeconds: number;
  /** Ends the time early: what was seen until then is the answer. */
  readonly enough?: AbortSignal;
  /** Told when somebody has accepted the connection, and when somebody has said something. */
  readonly onStep?: (step: 'connected' | 'greeted') => void;
  readonly signal?: AbortSignal;
}

/**
 * Asks the sshd behind a tunnel for its identification and for the proof that it has the pinned host key, and hangs
 * up before logging in. ssh does the checking, with the very configuration that a login uses.
 *
 * @param target how ssh finds the VM: `['-F', sshConfig, alias]`
 */
export async function probeHostKey(run: Run, target: readonly string[], options: ProbeOptions): Promise<TunnelProbe> {
  const args = [
    ...[
      '-T',
      '-o',
      'BatchMode=yes',
      '-o',
      'ControlPath=none',
      '-o',
      'ControlMaster=no',
      '-o',
      'ClearAllForwardings=yes',
    ],
    // What is said before the identification, such as by a web server, is told at this level only.
    ...['-o', 'LogLevel=DEBUG1', '-o', `ConnectTimeout=${options.timeoutSeconds}`, '-o', 'ConnectionAttempts=1'],
    // The cheapest exchange that every sshd has: an emulated CPU needs a second for the post-quantum ones.
    ...['-o', 'KexAlgorithms=curve25519-sha256', '-o', 'PreferredAuthentications=none'],
    ...target,
  ];
  const { signal, enough, timeoutSeconds, onStep } = options;
  const signals = [signal, enough].filter((each) => each !== undefined);
  try {
    const result = await run('ssh', args, {
      acceptExitCodes: [255],
      timeout: timeoutSeconds * 1000,
      ...(signals.length === 0 ? {} : { signal: AbortSignal.any(signals) }),
      ...(onStep === undefined ? {} : { onLine: tellSteps(onStep) }),
    });
    return classifySshFailure(result.stderr);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (error.code === 'ENOENT') return { state: 'unknown', detail: 'ssh is not installed' };
    if (error.cancelled && (signal?.aborted || !enough?.aborted)) throw error;
    const seen = classifySshFailure(error.stderr);
    // Without an exit code it was our own time limit that ended ssh.
    if (error.exitCode !== undefined || seen.state !== 'unknown') return seen;
    return error.stderr.includes(GREETING)
      ? { state: 'slow', detail: 'no proof of its host key in time' }
      : { state: 'silent', detail: 'no answer in time' };
  }
}

/** What OpenSSH's client says when it has read the identification of an sshd. */
const GREETING = 'debug1: Remote protocol version 2.0';

function tellSteps(onStep: NonNullable<ProbeOptions['onStep']>): (line: string) => void {
  return (line) => {
    if (line.startsWith('debug1: Connection established')) onStep('connected');
    else if (line.startsWith(GREETING) || /banner line \d+:/.test(line)) onStep('greeted');
  };
}

/** Phrases of OpenSSH's client, 8.x to 10.x, in the C locale, and what they mean. The first that is found counts. */
const PHRASES: readonly (readonly [RegExp, TunnelState])[] = [
  [/HOST IDENTIFICATION HAS CHANGED/, 'wrong-host-key'],
  [/No \S+ host key is known|Host key verification failed/, 'wrong-host-key'],
  [/: Permission denied \(/, 'up'],
  [/Connection refused/, 'closed'],
  // An sshd that refuses an address for a while says so before its identification.
  [/banner line \d+: (Not allowed at this time|Exceeded MaxStartups)/, 'silent'],
  [/invalid characters|banner line \d+|banner line contains|Bad packet length/i, 'not-ssh'],
  [/timed out|Connection closed|Connection reset|Broken pipe/, 'silent'],
];

/** Reads what ssh wrote to standard error when it ended with 255. `up` means that only the login was refused. */
export function classifySshFailure(stderr: string): TunnelProbe {
  for (const [phrase, state] of PHRASES) {
    const line = stderr.split('\n').find((candidate) => phrase.test(candidate));
    if (line !== undefined) return { state, detail: state === 'up' ? '' : tidy(line) };
  }
  return { state: 'unknown', detail: lastRemark(stderr) };
}

function tidy(line: string): string {
  return line.replace(/^(?:debug\d: )?[@\s]*|[@\s]+$/g, '');
}

/** The last thing that ssh said to people rather than for debugging. */
function lastRemark(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '' && !/^(debug\d: |OpenSSH_)/.test(line)).at(-1) ?? 'ssh gave no reason';
}
