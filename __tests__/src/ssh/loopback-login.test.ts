import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type LoginMachine, loginMachine, loginObstacles } from '../../../src/ssh/loopback-login';
import { temporaryDirectory } from '../../support/temporary-directory';

const fakeMachine = (parts: Partial<LoginMachine> = {}): LoginMachine => ({
  account: { username: 'alice', uid: 1000 },
  home: '/home/alice',
  homeOwner: 1000,
  read: () => null,
  localhost: () => Promise.resolve('127.0.0.1'),
  ...parts,
});
const codes = async (machine: LoginMachine) => (await loginObstacles(machine)).map(({ code }) => code);

test('nothing is in the way of an account with its own home', async () => {
  expect(await loginObstacles(fakeMachine())).toEqual([]);
  expect(await loginObstacles(fakeMachine({ localhost: () => Promise.resolve('127.0.1.1') }))).toEqual([]);
});

test('this machine is looked at as it is', async () => {
  const home = join(temporaryDirectory(), 'home');
  expect(loginMachine(home).homeOwner).toBeNull();
  mkdirSync(home);
  expect(loginMachine(home)).toMatchObject({
    home,
    homeOwner: process.getuid?.(),
    account: { uid: process.getuid?.() },
  });
  expect(await loginMachine(home).localhost()).toMatch(/^127\./);
});

test('a home of another account, as with sudo that keeps HOME', async () => {
  expect(await loginObstacles(fakeMachine({ account: { username: 'root', uid: 0 } }))).toEqual([
    {
      code: 'home-foreign',
      problem: 'the home directory belongs to user id 1000, and this is root (0)',
      value: '/home/alice',
      remedy: 'deploy as its owner, or set HOME to the home directory of root (sudo -H)',
    },
  ]);
});

test.each([null, '10.0.0.1'])('localhost that stands for %j', async (address) => {
  expect(await codes(fakeMachine({ localhost: () => Promise.resolve(address) }))).toEqual(['localhost-unresolved']);
});

test.each([
  ['ALL: ALL', '', true],
  ['# ALL: ALL\nsshd,rpcbind : 10.0.0.1, 127. : deny', '', true],
  ['ALL: \\\n ALL EXCEPT .example.com', 'portmap: ALL', true],
  ['sshd: 127.0.0.0/8', 'sshd: 10.', true],
  ['ALL: ALL', '# none\nsshd: 127.0.0.1 EXCEPT PARANOID', false],
  ['ALL: ALL', 'sshd sshd2: LOCAL', false],
  ['rpcbind: ALL\nsshd: 10.0.0.', '', false],
  ['ALL EXCEPT sshd: 10.', '', false],
  ['', '', false],
])('tcp wrappers with %j denied and %j allowed: refused is %s', async (deny, allow, isRefused) => {
  const files: Record<string, string> = { '/etc/hosts.deny': deny, '/etc/hosts.allow': allow };
  expect(await codes(fakeMachine({ read: (path) => files[path] ?? null }))).toEqual(isRefused ? ['sshd-wrapped'] : []);
});
