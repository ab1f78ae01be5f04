import { type SshEnd, SshFailure, type SshFailureKind } from '../../../src/ssh/failure';

const of = (end: Partial<SshEnd>) =>
  new SshFailure('haskell-build-alpha', 'smoke', { exitCode: undefined, stderr: '', ...end });

/** What OpenSSH 9.2 prints at the log level ERROR. */
const CHANGED = `@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
The fingerprint for the ED25519 key sent by the remote host is
SHA256:9Rcd1J8w2iIYXu5oDdmNHWV1Q/xMqsxCPxLRTMzSx2I.
Offending ED25519 key in /state/known_hosts:1
Host key for haskell-build-alpha has changed and you have requested strict checking.
Host key verification failed.
`;

const ENDS: readonly (readonly [SshFailureKind, Partial<SshEnd>, string])[] = [
  [
    'unreachable',
    { exitCode: 255, stderr: 'ssh: connect to host 127.0.0.1 port 12221: Connection refused\r\n' },
    'ssh: connect to host 127.0.0.1 port 12221: Connection refused',
  ],
  [
    'unreachable',
    {
      exitCode: 255,
      stderr: 'Connection timed out during banner exchange\r\nConnection to 127.0.0.1 port 12221 timed out\r\n',
    },
    'Connection timed out during banner exchange',
  ],
  [
    'unreachable',
    { exitCode: 255, stderr: 'client_loop: send disconnect: Broken pipe\r\n' },
    'client_loop: send disconnect: Broken pipe',
  ],
  [
    'unreachable',
    { exitCode: 255, stderr: 'mux_client_request_session: session request failed: Session open refused by peer\r\n' },
    'mux_client_request_session: session request failed: Session open refused by peer',
  ],
  ['unreachable', { exitCode: 255 }, 'ssh gave no reason'],
  [
    'key-refused',
    { exitCode: 255, stderr: 'build@127.0.0.1: Permission denied (publickey).\r\n' },
    'build@127.0.0.1: Permission denied (publickey).',
  ],
  ['host-key-differs', { exitCode: 255, stderr: CHANGED }, 'WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!'],
  [
    'host-key-differs',
    {
      exitCode: 255,
      stderr:
        'No ED25519 host key is known for haskell-build-alpha and you have requested strict checking.\r\nHost key verification failed.\r\n',
    },
    'No ED25519 host key is known for haskell-build-alpha and you have requested strict checking.',
  ],
  ['command-failed', { exitCode: 3, stderr: 'one\ntwo\n\n' }, 'two'],
  // A command may say what ssh says.
  [
    'command-failed',
    { exitCode: 1, stderr: 'root@other: Permission denied (publickey).' },
    'root@other: Permission denied (publickey).',
  ],
  ['command-failed', { exitCode: 1 }, ''],
  [
    'program-missing',
    { exitCode: 127, stderr: 'bash: line 1: buildfleet-helper: command not found\n' },
    'bash: line 1: buildfleet-helper: command not found',
  ],
  ['timed-out', { timedOut: true, endedBy: 'SIGTERM' }, ''],
  // ssh turns the SIGTERM of the time limit into an exit code of its own.
  ['timed-out', { timedOut: true, exitCode: 255 }, ''],
  ['signal', { endedBy: 'SIGKILL' }, ''],
  ['not-started', { code: 'ENOENT' }, ''],
];

test.each(ENDS)('%s: %j', (kind, end, said) => {
  const failure = of(end);
  expect({ kind: failure.kind, said: failure.said, exitCode: failure.exitCode }).toEqual({
    ...{ kind, said },
    exitCode: end.exitCode,
  });
});

test('its message names what was run and where', () => {
  expect(of({ exitCode: 3, stderr: 'one\ntwo\n' }).message).toBe(
    'smoke on haskell-build-alpha ended with exit code 3: two',
  );
  expect(of({ timedOut: true }).message).toBe('smoke on haskell-build-alpha took too long');
  expect(of({ endedBy: 'SIGKILL' }).message).toBe('the ssh for smoke on haskell-build-alpha was ended by SIGKILL');
  expect(of({ code: 'ENOENT' }).message).toBe('ssh is not installed');
});

test('keeps the end of what was said, and no more', () => {
  const { stderr, said } = of({ exitCode: 1, stderr: `${'x'.repeat(1_000_000)}\nthe reason\n` });
  expect(stderr).toHaveLength(65_536);
  expect(stderr).toMatch(/the reason\n$/);
  expect(said).toBe('the reason');
});
