import { join } from 'node:path';
import { keyRefused } from '../../../../src/cli/work/key-refused';
import { loadFleet } from '../../../../src/cli/fleet-file';
import { SshFailure } from '../../../../src/ssh/failure';

const { fleet } = loadFleet(join(__dirname, '../../../../rendered/fleet/fleet.json'), '/home/alice');
const refusal = (stderr: string) => new SshFailure('haskell-build-alpha', 'the probe', { exitCode: 255, stderr });

test('a VM that does not let us in is told with the key and the way to have it let in', () => {
  expect(keyRefused(fleet, refusal('build@127.0.0.1: Permission denied (publickey).'))).toEqual({
    reason: 'it does not let in the key ~/.ssh/id_build',
    remedy:
      'see that this file is there, and that `developers` in main.ts names its public half, then run `cdktf deploy fleet`; a key with a passphrase has to be in the ssh-agent',
  });
});

test.each(['ssh: connect to host 127.0.0.1 port 12221: Connection refused', 'Host key verification failed.', ''])(
  'what ssh says of another failure is none of this: %j',
  (stderr) => {
    expect(keyRefused(fleet, refusal(stderr))).toBeNull();
  },
);
