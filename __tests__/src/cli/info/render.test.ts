import { renderInfo } from '../../../../src/cli/info/render';
import type { VmInfo } from '../../../../src/cli/info/report';

const INFO: VmInfo = {
  ...{ formatVersion: 1, id: 'alpha', name: 'haskell-build-alpha', aliases: ['alpha', 'haskell-build'] },
  ...{ host: 'here', hypervisor: 'qemu', system: 'Debian', kernel: '6.12', architecture: 'x86_64' },
  ...{ ghcVersion: '9.6.6', ghcVersions: ['9.6.6', '9.8.4'], cabalVersion: '3.10.3.0' },
  ...{ cores: 2, load: 0.5, memoryMib: 2048, memoryFreeMib: 900, diskMib: 20480, diskFreeMib: 1000 },
  uptimeSeconds: 7300,
  image: { id: 'haskell', state: 'current', definitionHash: 'a', hash: 'a', ageDays: 3 },
  ports: { tunnel: 12221 },
  login: { command: 'ssh alpha', user: 'build', key: '/keys/id' },
};

test('a line for each fact', () => {
  expect(renderInfo(INFO).split('\n')).toEqual([
    'VM       haskell-build-alpha',
    'aliases  alpha, haskell-build',
    'host     here (qemu)',
    'system   Debian, 6.12, x86_64',
    'GHC      9.6.6, 9.8.4',
    'cabal    3.10.3.0',
    'cores    2, load 0.50',
    'memory   2.0 GiB, 900 MiB free',
    'disk     20.0 GiB, 1000 MiB free',
    'up       2 h',
    'image    haskell, current, built 3 d ago',
    'port     127.0.0.1:12221',
    'log in   ssh alpha, as build, with /keys/id',
  ]);
});

test('what the VM could not say has no line', () => {
  const text = renderInfo({ ...INFO, system: null, kernel: null, architecture: null, uptimeSeconds: null, load: null });
  expect(text).not.toMatch(/null|^system|^up/m);
  expect(text).toMatch(/^cores {4}2$/m);
});
