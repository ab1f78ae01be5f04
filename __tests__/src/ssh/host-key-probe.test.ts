import { CommandError, type Run } from '../../../src/process/run';
import { classifySshFailure } from '../../../src/ssh/client-messages';
import { probeHostKey } from '../../../src/ssh/host-key-probe';
import { fleetTarget } from '../../../src/ssh/target';

const ALPHA = fleetTarget('/state/ssh-config', 'alpha');

/** What OpenSSH 9.2 and 10.0 print at this log level, shortened. */
const REFUSED_LOGIN = 'debug1: Host key found\nbuild@127.0.0.1: Permission denied (publickey).\n';
const CHANGED = `debug1: x
@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@
Host key verification failed.
`;

test.each([
  ['up', REFUSED_LOGIN],
  ['wrong-host-key', CHANGED],
  [
    'wrong-host-key',
    'No ED25519 host key is known for haskell-build-alpha and you have requested strict checking.\nHost key verification failed.\n',
  ],
  [
    'closed',
    'debug1: connect to address 127.0.0.1 port 12221: Connection refused\nssh: connect to host 127.0.0.1 port 12221: Connection refused\n',
  ],
  ['silent', 'Connection timed out during banner exchange\nConnection to 127.0.0.1 port 12221 timed out\n'],
  ['silent', 'kex_exchange_identification: read: Connection reset by peer\n'],
  [
    'silent',
    'debug1: kex_exchange_identification: banner line 0: Not allowed at this time\nkex_exchange_identification: Connection closed by remote host\n',
  ],
  [
    'not-ssh',
    'debug1: kex_exchange_identification: banner line 0: HTTP/1.1 400 Bad Request\nConnection timed out during banner exchange\n',
  ],
  ['unknown', "Can't open user config file /x/ssh-config: No such file or directory\n"],
  ['unknown', ''],
])('%s', (state, stderr) => {
  expect(classifySshFailure(stderr).state).toBe(state);
});

test('says what ssh said, without its decoration', () => {
  expect(classifySshFailure(CHANGED).detail).toBe('WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!');
  expect(classifySshFailure(REFUSED_LOGIN).detail).toBe('');
  expect(classifySshFailure("OpenSSH_9.2\ndebug1: x\nCan't open it\n").detail).toBe("Can't open it");
});

const failing =
  (parts: { stderr?: string; exitCode?: number; code?: string; cancelled?: boolean }): Run =>
  () =>
    Promise.reject(
      new CommandError(
        'failed',
        'ssh',
        '',
        parts.stderr ?? '',
        parts.exitCode,
        parts.code,
        parts.cancelled ?? false,
        undefined,
      ),
    );

test('an ssh that had to be ended got no answer', async () => {
  expect(await probeHostKey(failing({}), ALPHA, { timeoutSeconds: 1 })).toEqual({
    state: 'silent',
    detail: 'no answer in time',
  });
});

test('an sshd that has said what it is is slow, not silent', async () => {
  const stderr = 'debug1: Remote protocol version 2.0, remote software version OpenSSH_9.2p1\ndebug1: SSH2_MSG_KEXINIT';
  expect((await probeHostKey(failing({ stderr }), ALPHA, { timeoutSeconds: 1 })).state).toBe('slow');
});

test('a probe that has gone on for long enough is an answer, and a cancelled one is none all the same', async () => {
  const cancelled = failing({ cancelled: true });
  const enough = AbortSignal.abort();
  expect((await probeHostKey(cancelled, ALPHA, { timeoutSeconds: 1, enough })).state).toBe('silent');
  await expect(
    probeHostKey(cancelled, ALPHA, { timeoutSeconds: 1, enough, signal: AbortSignal.abort() }),
  ).rejects.toThrow(CommandError);
});

test('tells how far it has got', async () => {
  const lines = [
    'debug1: Connecting to 127.0.0.1 [127.0.0.1] port 12221.',
    'debug1: Connection established.',
    'debug1: Local version string SSH-2.0-OpenSSH_9.2p1',
    'debug1: kex_exchange_identification: banner line 0: HTTP/1.1 400 Bad Request',
    'debug1: Remote protocol version 2.0, remote software version OpenSSH_9.2p1',
  ];
  const speaking: Run = (_file, _args, { onLine } = {}) => {
    for (const line of lines) onLine?.(line);
    return Promise.resolve({ stdout: '', stderr: REFUSED_LOGIN, exitCode: 255 });
  };
  const steps: string[] = [];
  await probeHostKey(speaking, ALPHA, { timeoutSeconds: 1, onStep: (step) => steps.push(step) });
  expect(steps).toEqual(['connected', 'greeted', 'greeted']);
});

test('a missing ssh is no fault of the VM', async () => {
  expect(await probeHostKey(failing({ code: 'ENOENT' }), ALPHA, { timeoutSeconds: 1 })).toEqual({
    state: 'unknown',
    detail: 'ssh is not installed',
  });
});

test('a cancelled probe is no answer', async () => {
  await expect(probeHostKey(failing({ cancelled: true }), ALPHA, { timeoutSeconds: 1 })).rejects.toThrow(CommandError);
});
