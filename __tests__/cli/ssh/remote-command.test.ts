import { sshArguments, supervisedCommand } from '../../../cli/ssh/remote-command';

test('nothing that follows the host can be an option of ssh', () => {
  expect(sshArguments('/state/ssh-config', ['-T'], 'haskell-build-alpha', '-oProxyCommand=x')).toEqual([
    '-F',
    '/state/ssh-config',
    '-T',
    '--',
    'haskell-build-alpha',
    '-oProxyCommand=x',
  ]);
});

test('the supervisor gets the arguments as they are', () => {
  expect(supervisedCommand(['cabal', 'build', 'exe:my app'])).toMatch(/' supervise cabal build 'exe:my app'$/);
});
