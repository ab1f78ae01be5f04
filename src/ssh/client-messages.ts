/** Answer at the port where a VM's sshd should be. */
export type TunnelState =
  /** An sshd with the pinned host key. */
  | 'up'
  /** Nothing listens: the VM has not opened its tunnel. */
  | 'closed'
  /** An sshd has said what it is, and has not proven its host key within the time: it is busy. */
  | 'slow'
  /** The port accepts connections but no SSH follows in time: the VM hangs, is gone without notice, or still boots. */
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
