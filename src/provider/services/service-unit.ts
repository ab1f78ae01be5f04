import { FleetError } from '../../model/errors';

/** Everything in which one unit of the operator's systemd manager differs from another. Paths are absolute. */
export interface ServiceUnit {
  readonly description: string;
  readonly argv: readonly string[];
  /** Directories that are made before every start, 0755. */
  readonly directories: readonly string[];
  /** IPv4 address that this machine has to have before the service starts; null if none. */
  readonly address: string | null;
  /** Anything that tells one definition of the service from another; systemd does not look at it. */
  readonly revision: string;
}

/** Name of the unit that runs a service of a fleet. */
export function serviceUnitName(prefix: string, service: string): string {
  return `${prefix}-${service}.service`;
}

/**
 * A unit that starts with the operator's manager and starts its program again for ever.
 *
 * @throws FleetError when an argument cannot be written in systemd's syntax
 */
export function renderServiceUnit({ description, argv, directories, address, revision }: ServiceUnit): string {
  const sections: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
    Unit: [
      ['Description', escaped(description)],
      // never give up: the obstacle to a start may disappear at any time
      ['StartLimitIntervalSec', '0'],
    ],
    Service: [
      ['Type', 'exec'],
      // after a boot the network may come later, and sshd would listen without this address until it is restarted
      ...(address === null ? [] : [exec('ExecStartPre', ['grep', '-qwF', '--', address, '/proc/net/fib_trie'])]),
      ...directories.map((directory) => exec('ExecStartPre', ['mkdir', '-p', '-m', '0755', '--', directory])),
      exec('ExecStart', throughShell(argv)),
      ['WorkingDirectory', '/'],
      ['Environment', 'LC_ALL=C'],
      // set by interactive sessions for their own programs
      ['UnsetEnvironment', 'NODE_OPTIONS NODE_PATH'],
      ['Restart', 'always'],
      ['RestartSec', '1'],
      // processes of sshd's connections are tunnels, which outlive the listener
      ['KillMode', 'process'],
      ['TimeoutStopSec', '5'],
    ],
    Install: [['WantedBy', 'default.target']],
    'X-Buildfleet': [['Revision', escaped(revision)]],
  };
  return Object.entries(sections)
    .map(([name, lines]) => `[${name}]\n${lines.map(([key, value]) => `${key}=${value}\n`).join('')}`)
    .join('\n');
}

/** systemd takes no quotes and backslashes in the name of a program. The shell makes way for it, so argv stays the same. */
function throughShell(argv: readonly string[]): readonly string[] {
  return /["'\\]/.test(argv[0] ?? '') ? ['/bin/sh', '-c', 'exec "$0" "$@"', ...argv] : argv;
}

function exec(key: string, argv: readonly string[]): readonly [string, string] {
  return [key, argv.map(argument).join(' ')];
}

function argument(text: string, index: number): string {
  const inQuotes = escaped(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"');
  // Variables are not expanded in the program's path.
  return `"${index === 0 ? inQuotes : inQuotes.replaceAll('$', '$$$$')}"`;
}

/** A percent sign begins a specifier everywhere in a unit. */
function escaped(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is refused
  if (/[\u0000-\u001f\u007f]/.test(text)) {
    throw new FleetError({
      code: 'unit-text',
      problem: 'systemd cannot be told this',
      value: text,
      remedy: 'choose a state directory without control characters in its name',
    });
  }
  return text.replaceAll('%', '%%');
}
