import type { SshTarget } from './target';

/**
 * Longest that a VM may take to accept a connection and to name itself, in seconds: an emulated VM under load takes
 * many. Only a probe of the host key gives up sooner, because it is repeated or has the hub to ask.
 */
export const CONNECT_SECONDS = 20;

/** Seconds that an idle master stays. */
const PERSIST_SECONDS = 600;

/** Reader and writer at this end of ssh. They decide on terminal, questions and ssh's own remarks. */
export type SshMode = keyof typeof MODES;

const MODES = {
  /** A program reads the answer: a question would wait for ever, and remarks would be taken for the answer's. */
  program: ['-T', ...set({ BatchMode: 'yes', LogLevel: 'ERROR' })],
  /** The operator's streams, byte for byte. The passphrase of a key may be asked for, on the terminal that is left. */
  streams: ['-T', ...set({ LogLevel: 'ERROR' })],
  /** One command on the operator's terminal. */
  terminal: ['-t', ...set({ LogLevel: 'ERROR' })],
  /** One command that has a terminal and no input: ssh leaves the operator's terminal as it is. */
  'terminal-without-input': ['-tt', ...set({ LogLevel: 'ERROR' })],
  /** A login as ssh itself does it, with its remarks. ssh decides on the terminal. */
  login: [],
  /** One command in place of a login shell, with a terminal as that has. */
  'login-command': ['-t'],
} as const;

/** Which connection a call uses. */
export type SshConnection =
  /** Logs in and stays in the background for others to use. */
  | { readonly kind: 'master'; readonly socket: string }
  /** The master's if there is one, else one of its own. */
  | { readonly kind: 'shared'; readonly socket: string }
  /** A login of its own in any case. */
  | { readonly kind: 'own' };

/** One call of ssh, apart from the VM and the command. */
export interface SshCall {
  readonly mode: SshMode;
  readonly connection: SshConnection;
  /** Default {@link CONNECT_SECONDS}. */
  readonly connectSeconds?: number;
  /** Options that win over all others. */
  readonly first?: readonly string[];
}

/**
 * All options of one call, without the host. Options that every call needs, such as protection against an ssh
 * configuration, belong here. Of an option that is given twice ssh takes the first value.
 */
export function sshOptions(target: SshTarget, call: SshCall): string[] {
  const { mode, connection, connectSeconds = CONNECT_SECONDS, first = [] } = call;
  return [
    ...target.options,
    ...first,
    ...connectionOptions(connection),
    // A second attempt would double the time.
    ...set({ ConnectTimeout: connectSeconds, ConnectionAttempts: 1 }),
    ...MODES[mode],
  ];
}

/** Arguments of one call. Nothing after the host can be taken for an option of ssh. */
export function sshArguments(target: SshTarget, call: SshCall, command?: string): string[] {
  return [...sshOptions(target, call), '--', target.host, ...(command === undefined ? [] : [command])];
}

/** Arguments that end a master. ssh prints nothing when there is none. */
export function endMasterArguments(target: SshTarget, socket: string): string[] {
  return [...target.options, '-S', socket, '-O', 'exit', ...set({ LogLevel: 'QUIET' }), '--', target.host];
}

function connectionOptions(connection: SshConnection): string[] {
  switch (connection.kind) {
    case 'master':
      // All commands hang on it: it notices a dead connection within 6 s.
      return [
        ...['-M', '-N', '-f', '-S', connection.socket],
        ...set({ ControlPersist: PERSIST_SECONDS, ServerAliveInterval: 2, ServerAliveCountMax: 3 }),
      ];
    case 'shared':
      return ['-S', connection.socket, ...set({ ControlMaster: 'no' })];
    case 'own':
      // No master answers in the VM's place. A VM that builds on all its CPUs may be silent for long.
      return set({ ControlMaster: 'no', ControlPath: 'none', ServerAliveInterval: 5, ServerAliveCountMax: 6 });
  }
}

function set(options: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}
