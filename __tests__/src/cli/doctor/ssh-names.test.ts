import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkSshNames } from '../../../../src/cli/doctor/checks/ssh-names';
import { run } from '../../../../src/process/run';
import { insertBlock } from '../../../../src/rendering/managed-block';
import { renderSshInclude, sshIncludeBlock } from '../../../../src/rendering/ssh-config';
import { describeWithTools } from '../../../support/tools';
import { temporaryDirectory } from '../../../support/temporary-directory';
import { FRESH, fakeMachine, fakeSubject, HOME } from './fake-machine';

describeWithTools(['ssh'], 'names of VMs', () => {
  const subject = fakeSubject();
  const included = join(temporaryDirectory(), 'more');
  mkdirSync(join(included, '..'), { recursive: true });
  writeFileSync(included, 'Host beta\n  Port 2200\n');
  const look = (config: string, hosts = '127.0.0.1 localhost\n') => {
    const text = insertBlock(config, sshIncludeBlock('fleet'), renderSshInclude(subject.fleet!.sshConfig));
    const machine = fakeMachine({ files: { [`${HOME}/.ssh/config`]: text, '/etc/hosts': hosts } });
    return checkSshNames({ ...machine, run }, subject);
  };
  const fine = [{ level: 'ok', found: 'the names of the VMs are those of no other machine', remedy: null }];

  test.each([
    ['nothing else', ''],
    ['settings for all', 'Host *\n  HostName %h.example.org\n  User me\n  ProxyJump bastion\n'],
    ['another machine', 'Host gamma\n  HostName 192.0.2.7\n'],
  ])('beside %s are said to be fine', async (_, config) => {
    expect(await look(config)).toEqual(fine);
  });

  test.each([
    ['Host beta\n  HostName 192.0.2.7\n  Port 2222\n', 'beta', '192.0.2.7 port 2222'],
    ['Match originalhost alpha\n  HostName a.example\n', 'alpha', 'a.example port 22'],
    [`Include ${included}\n`, 'beta', 'beta port 2200'],
    ['Host haskell-build-*\n  HostName other\n', 'haskell-build-alpha', 'other port 22'],
  ])('of other machines are said: %j', async (config, alias, place) => {
    expect((await look(config))[0]).toMatchObject({
      level: 'warning',
      found: `${HOME}/.ssh/config gives ${alias}, which is a VM, to ${place} as well`,
    });
  });

  test('in /etc/hosts are said', async () => {
    expect(await look('', '192.0.2.1 gw # alpha\n192.0.2.7\tbuild2 beta\n')).toMatchObject([
      { level: 'warning', found: 'beta is a VM to ssh, and another machine in /etc/hosts' },
    ]);
  });

  test('are not looked at before a fleet is deployed', async () => {
    expect(await checkSshNames(fakeMachine(), FRESH)).toEqual([]);
  });
});
