import fc from 'fast-check';
import {
  CONNECT_SECONDS,
  endMasterArguments,
  sshArguments,
  type SshConnection,
  type SshMode,
} from '../../../src/ssh/arguments';
import { fleetTarget, pinnedTarget } from '../../../src/ssh/target';
import { run } from '../../../src/process/run';
import { describeWithTools } from '../../support/tools';

const ALPHA = fleetTarget('/state/ssh-config', 'haskell-build-alpha');
const OWN: SshConnection = { kind: 'own' };
const CONNECTIONS: readonly SshConnection[] = [
  { kind: 'master', socket: '/run/s' },
  { kind: 'shared', socket: '/run/s' },
  OWN,
];
const MODES: readonly SshMode[] = ['program', 'streams', 'terminal', 'login', 'login-command'];

/** What ssh takes the options for: of an option that is given twice, the first value. */
function settings(args: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  args.forEach((word, index) => {
    const [, name, value] = /^(\w+)=(.*)$/.exec(word) ?? [];
    if (args[index - 1] === '-o' && name !== undefined && !found.has(name)) found.set(name, value ?? '');
  });
  return found;
}

test('nothing that follows the host can be an option of ssh', () => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.constantFrom(...MODES),
      fc.constantFrom(...CONNECTIONS),
      (command, mode, connection) => {
        const args = sshArguments(ALPHA, { mode, connection }, command);
        expect(args.slice(-3)).toEqual(['--', 'haskell-build-alpha', command]);
        expect(args.indexOf('--')).toBe(args.length - 3);
      },
    ),
  );
});

describe.each(MODES)('%s', (mode) => {
  test.each(CONNECTIONS)('has one connect time-out and reads one configuration: %j', (connection) => {
    const args = sshArguments(ALPHA, { mode, connection }, 'true');
    expect(args.slice(0, 2)).toEqual(['-F', '/state/ssh-config']);
    expect(settings(args).get('ConnectTimeout')).toBe(String(CONNECT_SECONDS));
    expect(settings(args).get('ConnectionAttempts')).toBe('1');
  });
});

test('a program is never asked a question, and has no terminal', () => {
  for (const connection of CONNECTIONS) {
    const args = sshArguments(ALPHA, { mode: 'program', connection });
    expect(args).toContain('-T');
    expect(settings(args).get('BatchMode')).toBe('yes');
  }
  // An operator may be asked for a passphrase.
  for (const mode of MODES.filter((each) => each !== 'program'))
    expect(settings(sshArguments(ALPHA, { mode, connection: OWN })).has('BatchMode')).toBe(false);
});

test('a shared call makes no master, and one of its own uses none', () => {
  const shared = sshArguments(ALPHA, { mode: 'streams', connection: { kind: 'shared', socket: '/run/s' } });
  expect(shared).toEqual(expect.arrayContaining(['-S', '/run/s', 'ControlMaster=no']));
  const own = sshArguments(ALPHA, { mode: 'program', connection: OWN });
  expect(own).not.toContain('-S');
  expect(settings(own)).toEqual(
    new Map([
      ['ControlMaster', 'no'],
      ['ControlPath', 'none'],
      ['ServerAliveInterval', '5'],
      ['ServerAliveCountMax', '6'],
      ['ConnectTimeout', '20'],
      ['ConnectionAttempts', '1'],
      ['BatchMode', 'yes'],
      ['LogLevel', 'ERROR'],
    ]),
  );
});

test('options that come first win', () => {
  const args = sshArguments(ALPHA, {
    ...{ mode: 'program', connection: OWN, connectSeconds: 2 },
    first: ['-o', 'LogLevel=DEBUG1'],
  });
  expect(settings(args).get('LogLevel')).toBe('DEBUG1');
  expect(settings(args).get('ConnectTimeout')).toBe('2');
});

test('a VM without a client configuration is found by its port, its pinned key and no other file', () => {
  const target = pinnedTarget({ name: 'alpha', port: 12221, knownHosts: '/a "b"/100%', keys: ['/k 1', '/k2'] });
  expect(target).toMatchObject({ vm: 'alpha', host: 'build@127.0.0.1' });
  expect(target.options.slice(0, 4)).toEqual(['-F', 'none', '-p', '12221']);
  expect(settings(target.options)).toEqual(
    new Map([
      ['StrictHostKeyChecking', 'yes'],
      ['HostKeyAlias', 'alpha'],
      ['UserKnownHostsFile', '"/a \\"b\\"/100%%"'],
      ['GlobalKnownHostsFile', 'none'],
      ['HostKeyAlgorithms', 'ssh-ed25519'],
      ['UpdateHostKeys', 'no'],
      ['IdentitiesOnly', 'yes'],
      ['IdentityFile', '"/k 1"'],
    ]),
  );
  expect(target.options).toContain('IdentityFile="/k2"');
});

describeWithTools(['ssh'], 'the installed ssh', () => {
  const targets = [
    fleetTarget('/dev/null', 'alpha'),
    pinnedTarget({ name: 'alpha', port: 12221, knownHosts: '/a b/known_hosts', keys: ['/a "b"/100%'] }),
  ];
  const calls = MODES.flatMap((mode) => CONNECTIONS.map((connection) => ({ mode, connection })));

  test('knows every option, and takes the values as they are meant', async () => {
    for (const target of targets) {
      for (const call of calls) {
        const { stdout } = await run('ssh', ['-G', ...sshArguments(target, call)]);
        expect(stdout).toContain(`connecttimeout ${CONNECT_SECONDS}\n`);
      }
    }
    const { stdout } = await run('ssh', ['-G', ...sshArguments(targets[1]!, { mode: 'program', connection: OWN })]);
    for (const line of [
      'batchmode yes',
      'stricthostkeychecking true',
      'hostkeyalias alpha',
      'port 12221',
      'user build',
    ])
      expect(stdout).toContain(`${line}\n`);
    expect(stdout).toContain('userknownhostsfile /a b/known_hosts\n');
  });

  test('ends a master that is not there without a word', async () => {
    const args = endMasterArguments(targets[0]!, '/nonexistent/socket');
    expect(await run('ssh', args, { acceptExitCodes: [255] })).toMatchObject({ stdout: '', stderr: '' });
  });
});
