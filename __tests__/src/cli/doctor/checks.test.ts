import { checkCacheDirectory, checkStateDirectory } from '../../../../src/cli/doctor/checks/disk-space';
import {
  checkKeyring,
  checkMmdebstrap,
  checkPacker,
  checkUserNamespaces,
  checkXorriso,
} from '../../../../src/cli/doctor/checks/image-building';
import { checkLogin } from '../../../../src/cli/doctor/checks/login';
import { checkServicePorts, checkTunnelPorts } from '../../../../src/cli/doctor/checks/ports';
import { checkServiceRunner } from '../../../../src/cli/doctor/checks/service-runner';
import { checkHub, checkSshd } from '../../../../src/cli/doctor/checks/services';
import { checkSshConfig } from '../../../../src/cli/doctor/checks/ssh-config';
import { checkNode, checkNodeModules, checkTerraform } from '../../../../src/cli/doctor/checks/tools';
import { checkWslNetworking } from '../../../../src/cli/doctor/checks/wsl';
import { examine } from '../../../../src/cli/doctor/examine';
import type { Machine } from '../../../../src/cli/doctor/machine';
import type { Subject } from '../../../../src/cli/doctor/subject';
import { inCheckout } from '../../../../src/cli/package-root';
import type { Observation } from '../../../../src/model/finding';
import { insertBlock } from '../../../../src/rendering/managed-block';
import { type ExpectedFinding, expectFindings } from './expect-findings';
import { type FakeParts, FRESH, fakeMachine, fakeSubject, HOME, NODE } from './fake-machine';

type Check = (machine: Machine, subject: Subject) => Observation[] | Promise<Observation[]>;

const QEMU = fakeSubject('qemu');
const VIRTUALBOX = fakeSubject('virtualbox');
const UBUNTU: Subject = { ...VIRTUALBOX, builders: new Set(['packer']) };
const SERVICES = QEMU.paths.services;
const IMAGES = (QEMU.images ?? []).map((hash) => `${HOME}/.cache/buildfleet/images/${hash}`);

const BINARIES = `${NODE} ${inCheckout('scripts', 'check-binaries.cjs')}`;
const SSHD = '/usr/sbin/sshd';
const SSHD_THERE = { [`${SSHD} -V`]: { fails: 'unknown option -- V\nOpenSSH_9.2p1 Debian\n' } };
const SSHD_VALID = { ...SSHD_THERE, [`${SSHD} -t -f ${SERVICES}/sshd_config`]: '' };
const OWN_SSHD = {
  description: 'sshd (pid 7, user alice)',
  program: 'sshd:',
  argv: [`sshd: ${SSHD} -D -e -f ${SERVICES}/sshd_config [listener] 0 of 100-300 startups`],
};
const TUNNEL = { description: 'sshd (pid 8, user alice)', program: 'sshd:', argv: ['sshd: alice'] };
const PYTHON = { description: 'python3 (pid 9, user bob)', program: 'python3', argv: ['python3', '-m', 'http.server'] };
const SSH_CONFIG = `${HOME}/.ssh/config`;

/** What is looked at, with what there is, and the levels with words of what is found and advised. */
const TABLE: readonly (readonly [string, Check, Subject, FakeParts, readonly ExpectedFinding[]])[] = [
  ['node', checkNode, QEMU, {}, [['ok', /20\.19\.4/]]],
  ['old node', checkNode, QEMU, { nodeVersion: '20.18.9' }, [['problem', /too old/, /20\.19/]]],
  ['new node', checkNode, QEMU, { nodeVersion: '24.0.0' }, [['ok', /24/]]],
  ['binaries that load', checkNodeModules, QEMU, { programs: { [BINARIES]: '' } }, [['ok', /load/]]],
  [
    'binaries of another node',
    checkNodeModules,
    QEMU,
    { programs: { [BINARIES]: { fails: 'v26.1.0 cannot use what is in node_modules: no native binding\n' } } },
    [['problem', /v26\.1\.0 cannot use .*node_modules/, /make setup/]],
  ],
  [
    'terraform',
    checkTerraform,
    QEMU,
    { programs: { 'terraform version -json': '{\n  "terraform_version": "1.11.4" }' } },
    [['ok', /terraform 1\.11\.4/]],
  ],
  [
    'tofu',
    checkTerraform,
    QEMU,
    { programs: { 'tofu version -json': '{"terraform_version": "1.9.0"}' } },
    [['ok', /tofu 1\.9\.0/]],
  ],
  [
    'old terraform',
    checkTerraform,
    QEMU,
    { programs: { 'terraform version -json': '{"terraform_version": "1.4.9"}' } },
    [['problem', /1\.4\.9 is too old/, /1\.5/]],
  ],
  [
    'broken terraform',
    checkTerraform,
    QEMU,
    { programs: { 'terraform version -json': { fails: 'exec format error' } } },
    [['problem', /does not work: exec format error/, /again/]],
  ],
  ['no terraform', checkTerraform, QEMU, {}, [['problem', /neither terraform nor tofu/, /install Terraform/]]],
  [
    'chosen terraform missing',
    checkTerraform,
    QEMU,
    {
      environment: { TERRAFORM_BINARY_NAME: 'tf' },
      programs: { 'terraform version -json': '{"terraform_version":"1.9.0"}' },
    },
    [['problem', /there is no tf/, /install/]],
  ],

  ['login', checkLogin, QEMU, {}, [['ok', /as alice at localhost/]]],
  [
    'home of another account, no localhost',
    checkLogin,
    QEMU,
    { homeOwner: 0, localhost: null },
    [
      ['problem', /belongs to user id 0, and this is alice \(1000\)/, /deploy as its owner/],
      ['problem', /^\/etc\/hosts: localhost does not stand for 127\.0\.0\.1/, /127\.0\.0\.1 localhost/],
    ],
  ],
  [
    'mmdebstrap',
    checkMmdebstrap,
    QEMU,
    { programs: { 'mmdebstrap --version': 'mmdebstrap 1.5.7' } },
    [['ok', /1\.5\.7/]],
  ],
  ['no mmdebstrap', checkMmdebstrap, QEMU, {}, [['problem', /not installed/, /apt-get install mmdebstrap/]]],
  ['no mmdebstrap, images built', checkMmdebstrap, QEMU, { directories: IMAGES }, [['note', /not/, /apt-get/]]],
  ['no mmdebstrap, Ubuntu', checkMmdebstrap, UBUNTU, {}, [['note', /not/, /apt-get/]]],
  ['no packer', checkPacker, UBUNTU, {}, [['problem', /not installed/, /1\.10/]]],
  ['packer', checkPacker, UBUNTU, { programs: { 'packer --version': '1.11.2\n' } }, [['ok', /1\.11\.2/]]],
  ['packer, Debian', checkPacker, QEMU, {}, []],
  ['root', checkUserNamespaces, QEMU, { uid: 0 }, [['ok', /root/]]],
  [
    'namespaces',
    checkUserNamespaces,
    QEMU,
    { programs: { 'mmdebstrap --unshare-helper true': '' } },
    [['ok', /can make/]],
  ],
  [
    'namespaces forbidden',
    checkUserNamespaces,
    QEMU,
    {
      programs: { 'mmdebstrap --unshare-helper true': { fails: 'unshare() failed: Operation not permitted' } },
      files: { '/proc/sys/kernel/unprivileged_userns_clone': '0\n' },
    },
    [['problem', /unshare\(\) failed/, /sysctl -w kernel\.unprivileged_userns_clone=1/]],
  ],
  [
    'no range of users',
    checkUserNamespaces,
    QEMU,
    { programs: { 'mmdebstrap --unshare-helper true': { fails: 'newuidmap failed' } } },
    [['problem', /newuidmap/, /usermod --add-subuids .* alice/]],
  ],
  [
    'AppArmor',
    checkUserNamespaces,
    QEMU,
    {
      programs: { 'mmdebstrap --unshare-helper true': { fails: 'permission denied' } },
      files: {
        '/etc/subuid': 'alice:100000:65536\n',
        '/etc/subgid': 'alice:100000:65536\n',
        '/proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1\n',
      },
    },
    [['problem', /permission denied/, /AppArmor/]],
  ],
  [
    'keyring',
    checkKeyring,
    QEMU,
    { files: { '/usr/share/keyrings/debian-archive-keyring.gpg': 'keys' } },
    [['ok', /debian-archive-keyring/]],
  ],
  ['no keyring', checkKeyring, QEMU, {}, [['problem', /no \/usr/, /apt-get install debian-archive-keyring/]]],
  ['xorriso', checkXorriso, QEMU, { programs: { 'xorriso -version': 'xorriso 1.5.6 : R' } }, [['ok', /1\.5\.6/]]],
  ['no xorriso', checkXorriso, QEMU, {}, [['problem', /not installed/, /apt-get install xorriso/]]],

  ['cache', checkCacheDirectory, QEMU, {}, [['ok', /97\.7 GiB free/]]],
  ['small cache', checkCacheDirectory, QEMU, { freeMebibytes: 900 }, [['problem', /900 MiB/, /free some space/]]],
  [
    'small cache, images built',
    checkCacheDirectory,
    QEMU,
    { freeMebibytes: 900, directories: IMAGES },
    [['ok', /900 MiB free/]],
  ],
  ['state', checkStateDirectory, QEMU, {}, [['ok', /GiB free/]]],
  ['small state', checkStateDirectory, QEMU, { freeMebibytes: 900 }, [['warning', /900 MiB/, /halted/]]],
  ['full state', checkStateDirectory, QEMU, { freeMebibytes: 9 }, [['problem', /9 MiB/, /free some space/]]],
  [
    'read-only state',
    checkStateDirectory,
    QEMU,
    { access: { [HOME]: 'read-only' } },
    [['problem', /read-only file system/, /mount it writable/]],
  ],
  [
    'state of others',
    checkStateDirectory,
    QEMU,
    { access: { [HOME]: 'denied' } },
    [['problem', /alice may not write to \/home\/alice/, /writable/]],
  ],

  [
    'free ports',
    checkServicePorts,
    QEMU,
    {},
    [
      ['ok', /12220 is free/],
      ['ok', /8000 is free/],
    ],
  ],
  [
    'own and foreign port',
    checkServicePorts,
    QEMU,
    { listeners: { 12220: OWN_SSHD, 8000: PYTHON } },
    [
      ['ok', /12220 belongs/],
      ['problem', /python3 \(pid 9, user bob\)/, /another port in main\.ts/],
    ],
  ],
  [
    'a foreign sshd on the port of ours',
    checkServicePorts,
    FRESH,
    { listeners: { 12220: TUNNEL } },
    [
      ['problem', /12220/, /end that program/],
      ['ok', /8000/],
    ],
  ],
  ['tunnels', checkTunnelPorts, QEMU, { listeners: { 12221: TUNNEL } }, [['ok', /1 open, the others free/]]],
  ['no tunnels', checkTunnelPorts, FRESH, {}, [['ok', /12221-12230: all free/]]],
  [
    'foreign tunnel ports',
    checkTunnelPorts,
    QEMU,
    { listeners: { 12221: PYTHON, 12229: PYTHON } },
    [
      ['problem', /12221 .*python3/, /end that program/],
      ['warning', /12229/, /another range/],
    ],
  ],

  ['no sshd', checkSshd, QEMU, {}, [['problem', /not installed/, /apt-get install openssh-server/]]],
  ['sshd before the first deploy', checkSshd, FRESH, { programs: SSHD_THERE }, [['ok', /OpenSSH 9\.2/]]],
  [
    'sshd without configuration',
    checkSshd,
    QEMU,
    { programs: SSHD_VALID },
    [['problem', /sshd_config is not there/, /cdktf deploy fleet/]],
  ],
  [
    'sshd with a broken configuration',
    checkSshd,
    QEMU,
    {
      programs: { ...SSHD_THERE, [`${SSHD} -t -f ${SERVICES}/sshd_config`]: { fails: 'line 3: Bad configuration' } },
      files: { [`${SERVICES}/sshd_config`]: 'Bad' },
    },
    [['problem', /line 3: Bad configuration/, /writes it again/]],
  ],
  [
    'sshd that is down',
    checkSshd,
    QEMU,
    { programs: SSHD_VALID, files: { [`${SERVICES}/sshd_config`]: 'Port' }, listeners: { 12220: PYTHON } },
    [['problem', /does not run on port 12220/, /starts it/]],
  ],
  [
    'sshd that runs',
    checkSshd,
    QEMU,
    { programs: SSHD_VALID, files: { [`${SERVICES}/sshd_config`]: 'Port' }, listeners: { 12220: OWN_SSHD } },
    [['ok', /runs on port 12220/]],
  ],
  ['no hub expected', checkHub, FRESH, {}, [['note', /no fleet is deployed/, /make deploy/]]],

  ['no systemd manager', checkServiceRunner, QEMU, {}, [['note', /a supervisor keeps/, /cdktf deploy fleet/]]],
  [
    'a systemd manager that ends with the session',
    checkServiceRunner,
    QEMU,
    { access: { '/run/user/1000/systemd/private': 'usable' } },
    [['warning', /ends when you log out/, /loginctl enable-linger alice/]],
  ],
  [
    'a systemd manager that runs from boot on',
    checkServiceRunner,
    QEMU,
    {
      environment: { XDG_RUNTIME_DIR: '/run/elsewhere' },
      access: { '/run/elsewhere/systemd/private': 'usable' },
      files: { '/var/lib/systemd/linger/alice': '' },
    },
    [['ok', /from boot on/]],
  ],
  ['ssh config before the first deploy', checkSshConfig, FRESH, {}, []],
  ['ssh config without include', checkSshConfig, QEMU, {}, [['warning', /does not include/, /cdktf deploy fleet/]]],

  ['no wsl', checkWslNetworking, VIRTUALBOX, { files: { '/proc/version': 'Linux version 6.1.0 (Debian)' } }, []],
  ...(
    [
      ['mirrored', VIRTUALBOX, [['ok', /LAN reaches/]]],
      [
        'nat',
        VIRTUALBOX,
        [['warning', /nat networking: the LAN does not reach/, /networkingMode=mirrored.*portproxy/]],
      ],
      ['nat', QEMU, [['note', /no VM of this fleet needs the LAN/]]],
    ] as const
  ).map(
    ([mode, subject, found]) =>
      [
        `wsl ${mode} for ${[...subject.hypervisors].join()}`,
        checkWslNetworking,
        subject,
        {
          files: { '/proc/version': 'Linux version 6.6.87.2-microsoft-standard-WSL2' },
          programs: { 'wslinfo --networking-mode': `${mode}\n` },
        },
        found,
      ] as const,
  ),
];

test.each(TABLE)('%s', async (_name, check, subject, parts, expected) => {
  expectFindings(await check(fakeMachine(parts), subject), expected);
});

test('before the first deploy the default hypervisor is needed, and reported after the tools', async () => {
  const { findings } = await examine(fakeMachine(), FRESH);

  expect(findings.slice(0, 7).map(({ check, level }) => [check, level])).toEqual([
    ['node', 'ok'],
    ['node_modules', 'problem'],
    ['terraform', 'problem'],
    ['qemu', 'problem'],
    ['acceleration', 'note'],
    ['user network', 'problem'],
    ['virtualbox', 'note'],
  ]);
});

test('a hub that does not answer is a problem', async () => {
  const { fleet } = QEMU;
  if (fleet === null) throw new Error('the rendered fleet is not there');
  const hub = { ...fleet.fleet.hub, url: 'http://127.0.0.1:9' };

  const [found] = await checkHub(fakeMachine(), { ...QEMU, fleet: { ...fleet, fleet: { ...fleet.fleet, hub } } });

  expect(found?.level).toBe('problem');
  expect(found?.found).toContain('http://127.0.0.1:9 does not answer');
  expect(found?.remedy).toContain('cdktf deploy fleet');
});

describe('the include in the own ssh configuration', () => {
  const sshConfig = QEMU.fleet?.sshConfig ?? '';
  const included = insertBlock('', 'buildfleet fleet', `Include ${sshConfig}\n`);
  const look = (own: string, files: Readonly<Record<string, string>> = { [sshConfig]: 'Host alpha' }) =>
    checkSshConfig(fakeMachine({ files: { [SSH_CONFIG]: own, ...files } }), QEMU)[0];

  test('is fine before everything else', () => {
    expect(look(`# mine\n${included}Host *\n`)?.level).toBe('ok');
  });

  test('is fine where the operator has written it by hand', () => {
    expect(look(`# mine\nInclude ${sshConfig}\nHost *\n`)?.level).toBe('ok');
    expect(look(`Host *\nInclude ${sshConfig}\n`)?.level).toBe('warning');
  });

  test('comes too late after another block', () => {
    expect(look(`Host *\n  User me\n${included}`)).toMatchObject({ level: 'warning' });
  });

  test('leads nowhere when the file is gone', () => {
    expect(look(included, {})?.found).toContain('which is not there');
  });

  test('is told to be broken when a marker is missing', () => {
    expect(look(included.split('\n').slice(0, 2).join('\n'))).toMatchObject({ level: 'warning' });
  });
});
