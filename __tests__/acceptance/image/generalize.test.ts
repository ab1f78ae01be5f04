import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../../src/process/run';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools } from '../../support/tools';
import { AUDIT_TOOLS, auditDisk, auditTree } from './support/audit';
import { Chroot, CHROOT_TOOLS } from './support/chroot';

const SCRIPT = readFileSync(join(__dirname, '../../../assets/haskell/scripts/generalize.sh'), 'utf8');

jest.setTimeout(10 * 60_000);

/** Puts into an image what must not leave with it. By the name of the audit's finding. */
const PLANTS: readonly (readonly [finding: string, command: string])[] = [
  ['private key: root/.ssh/id_ed25519', `mkdir -p /root/.ssh && ssh_key > /root/.ssh/id_ed25519`],
  ['private key: etc/ssl/private/ssl-cert-snakeoil.key', `ssh_key > /etc/ssl/private/ssl-cert-snakeoil.key`],
  ['private key: var/lib/snapd/device/private-keys-v1/x', `put /var/lib/snapd/device/private-keys-v1/x`],
  ['host key: etc/ssh/ssh_host_ed25519_key', `put /etc/ssh/ssh_host_ed25519_key`],
  ['machine id: etc/machine-id', `rm -f /etc/machine-id && tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id`],
  ['machine id: var/lib/dbus/machine-id', `put /var/lib/dbus/machine-id`],
  ['password: daemon', `usermod --password '$6$salt$hash' daemon`],
  ['password: bin', `sed -i 's/^bin:[^:]*/bin:/' /etc/shadow`],
  ['password: sys', `sed -i 's/^sys:[^:]*/sys:!$6$salt$hash/' /etc/shadow`],
  ['copy of the accounts: etc/shadow-', `cp /etc/shadow /etc/shadow-`],
  ['authorized key: root/.ssh/authorized_keys', `put /root/.ssh/authorized_keys`],
  ['authorized key: home/build/.ssh/authorized_keys', `put /home/build/.ssh/authorized_keys`],
  ['right to use sudo: etc/sudoers.d/90-cloud-init-users', `sudo_rule build 90-cloud-init-users`],
  ['seed, or trace of one having been read: var/lib/cloud/seed/x', `put /var/lib/cloud/seed/x`],
  ['seed, or trace of one having been read: var/lib/buildfleet/instance-id', `put /var/lib/buildfleet/instance-id`],
  [
    'seed, or trace of one having been read: var/lib/cloud/instances/i/user-data.txt',
    `put /var/lib/cloud/instances/i/user-data.txt`,
  ],
  ['installer that keeps cloud-init from a seed: etc/cloud/cloud-init.disabled', `put /etc/cloud/cloud-init.disabled`],
  [
    'installer that keeps cloud-init from a seed: etc/cloud/cloud.cfg.d/99-installer.cfg',
    `echo 'datasource_list: [None]' >/etc/cloud/cloud.cfg.d/99-installer.cfg`,
  ],
  ['package list: var/lib/apt/lists/a_Packages', `put /var/lib/apt/lists/a_Packages`],
  ['shell history: root/.bash_history', `put /root/.bash_history`],
  ['shell history: home/build/.python_history', `put /home/build/.python_history`],
  ['random seed: var/lib/systemd/random-seed', `put /var/lib/systemd/random-seed`],
  ['random seed: home/build/.gnupg/random_seed', `put /home/build/.gnupg/random_seed`],
  ['lease, or address of a network card: var/lib/dhcp/dhclient.leases', `put /var/lib/dhcp/dhclient.leases`],
  [
    'lease, or address of a network card: etc/netplan/50-cloud-init.yaml',
    `put /etc/netplan/50-cloud-init.yaml && echo 'match: {macaddress: "08:00:27:aa:bb:cc"}' >/etc/netplan/50-cloud-init.yaml`,
  ],
  [
    'lease, or address of a network card: etc/systemd/network/10-card.link',
    `put /etc/systemd/network/10-card.link && printf '[Match]\\nMACAddress=08:00:27:aa:bb:cc\\n' >/etc/systemd/network/10-card.link`,
  ],
  ['log: var/log/installer/autoinstall-user-data', `put /var/log/installer/autoinstall-user-data`],
  ['log: var/log/journal/x/system.journal', `put /var/log/journal/x/system.journal`],
  ['file of the build: var/tmp/x', `put /var/tmp/x`],
];

/** What the commands of {@link PLANTS} use. */
const HELPERS = `
put() { mkdir -p "$(dirname "$1")" && echo something >"$1"; }
sudo_rule() { printf '%s ALL=(ALL) NOPASSWD:ALL\\n' "$1" >"/etc/sudoers.d/$2" && chmod 0440 "/etc/sudoers.d/$2"; }
ssh_key() { printf -- '-----BEGIN %s KEY-----\\n%s\\n' 'OPENSSH PRIVATE' b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAAB; }
`;

describeWithTools(CHROOT_TOOLS, 'an image that was built', () => {
  let directory: string;
  let chroot: Chroot;

  // One after the other: each leaves an image that has nothing to hide.
  beforeAll(async () => {
    directory = temporaryDirectory();
    chroot = await Chroot.make(join(directory, 'root'));
    await chroot.sh('useradd --uid 1000 --create-home build && mkdir -p /etc/ssh /etc/cloud/clean.d');
    await chroot.run(['tee', '/opt/generalize.sh'], { input: SCRIPT });
    await chroot.sh('chmod 0755 /opt/generalize.sh');
  });

  afterAll(async () => {
    await chroot.remove();
  });

  async function audit(): Promise<string[]> {
    await chroot.makeReadable();
    return await auditTree(chroot.root);
  }

  test('passes the audit once it is generalized, with everything planted before', async () => {
    await chroot.sh('/opt/generalize.sh');
    expect(await audit()).toEqual([]);
    for (const [finding, command] of PLANTS) {
      await chroot.sh(HELPERS + command);
      expect(await audit()).toContain(finding);
    }
    await chroot.sh('echo "import os; os.remove(\'/etc/marker\')" >/etc/cloud/clean.d/10-marker');
    await chroot.sh(
      'sed -i "1i #!/usr/bin/env python3" /etc/cloud/clean.d/10-marker; chmod 755 /etc/cloud/clean.d/*; touch /etc/marker',
    );

    await chroot.sh('/opt/generalize.sh');
    expect(await chroot.sh('cat /etc/machine-id; stat -c %a /etc/machine-id /etc/netplan/*')).toBe('444\n600');
    expect(await audit()).toEqual([]);
    // cloud-init's own cleaning ran, too.
    expect(await chroot.sh('ls /etc/marker || echo gone')).toBe('gone');
    expect(await chroot.sh('getent passwd build | cut -d: -f6')).toBe('/home/build');
    expect(await chroot.sh('ls -d /run/buildfleet || echo none')).toBe('none');
  });

  test('keeps the account that builds it until it is switched off, and loses it then', async () => {
    await chroot.sh(`${HELPERS}
      useradd --create-home installer && usermod --password '$6$salt$hash' --append --groups sudo installer
      put /home/installer/.ssh/authorized_keys && sudo_rule installer 90-buildfleet-build-time
      sudo_rule installer another && put /root/.ssh/authorized_keys
      echo laptop >/etc/hostname && printf '127.0.0.1 localhost\\n127.0.1.1 laptop\\n' >/etc/hosts`);
    // What switches the machine off notes what is left of it by then.
    await chroot.sh(`printf '#!/bin/sh\\nls /run/buildfleet >/opt/left; echo "$@" >/opt/systemctl\\n' >/usr/bin/systemctl
      chmod 0755 /usr/bin/systemctl`);
    await chroot.run(['/opt/generalize.sh'], { env: { BUILD_ACCOUNT: 'installer' } });

    expect(await audit()).toEqual(expect.arrayContaining(['account of the build: installer']));
    expect(await chroot.sh('su -s /bin/sh installer -c "sudo -n id -u"')).toBe('0');
    expect(await chroot.sh('cat /etc/hostname /etc/hosts')).toBe('localhost\n127.0.0.1 localhost');
    await chroot.sh(`${HELPERS} put /var/lib/systemd/random-seed && put /var/log/auth.log && put /tmp/script.sh`);

    // As Packer gives the command: by the account itself, which is logged in.
    await chroot.sh('su -s /bin/sh installer -c "sudo -n bash /run/buildfleet/generalize.sh power-off"');
    expect(await audit()).toEqual([]);
    expect(await chroot.sh('cat /opt/systemctl /opt/left; ls -d /home/installer /etc/sudoers.d/another || true')).toBe(
      'poweroff --force',
    );
  });

  test('knows root as the account of the build, and no account that is not there', async () => {
    await chroot.sh(
      `${HELPERS} put /root/.ssh/authorized_keys; printf '#!/bin/sh\\n' >/usr/bin/systemctl; chmod 755 /usr/bin/systemctl`,
    );
    await chroot.run(['/opt/generalize.sh'], { env: { BUILD_ACCOUNT: 'root', SOURCE_DATE_EPOCH: '1600000000' } });
    expect(await chroot.sh('cut -d: -f3 /etc/shadow | sort -u; stat -c %a /etc/shadow')).toMatch(/^18518\n6[04]/);
    expect(await audit()).toContain('authorized key: root/.ssh/authorized_keys');
    await chroot.sh('bash /run/buildfleet/generalize.sh power-off');
    expect(await audit()).toEqual([]);
    expect(await chroot.sh('getent passwd root')).toMatch(/^root:x:0:/);
    await expect(chroot.run(['/opt/generalize.sh'], { env: { BUILD_ACCOUNT: 'nobody-here' } })).rejects.toThrow(
      /there is no account nobody-here/,
    );
  });
});

describeWithTools([...AUDIT_TOOLS, 'mke2fs'], 'the audit of a disk', () => {
  let directory: string;

  beforeEach(() => {
    directory = temporaryDirectory();
  });
  /** A disk with two partitions, the second of which holds the tree. */
  async function makeDisk(tree: string): Promise<string> {
    const disk = join(directory, 'disk.raw');
    writeFileSync(disk, '');
    truncateSync(disk, 64 * 1024 * 1024);
    await run('sfdisk', ['--quiet', disk], { input: 'label: gpt\nstart=2048, size=2048\nstart=4096\n' });
    await run('mke2fs', ['-q', '-F', '-t', 'ext4', '-d', tree, '-E', `offset=${4096 * 512}`, disk, '60M']);
    return disk;
  }

  test('reads the partition that holds the system', async () => {
    const tree = join(directory, 'tree');
    mkdirSync(join(tree, 'etc/ssh'), { recursive: true });
    mkdirSync(join(tree, 'var/lib/dpkg'), { recursive: true });
    mkdirSync(join(tree, 'usr/local/etc'), { recursive: true });
    const accounts = Array.from({ length: 12 }, (_, n) => `system${n}`);
    writeFileSync(join(tree, 'etc/shadow'), accounts.map((name) => `${name}:*:1:0:9:7:::\n`).join(''));
    writeFileSync(join(tree, 'etc/passwd'), accounts.map((name, n) => `${name}:x:${n}:${n}::/:/bin/sh\n`).join(''));
    expect((await auditDisk(await makeDisk(tree), join(directory, 'clean'))).findings).toEqual([]);

    writeFileSync(join(tree, 'etc/ssh/ssh_host_rsa_key'), 'key');
    writeFileSync(join(tree, 'usr/local/etc/key.pem'), `-----BEGIN RSA PRIVATE KEY-----\n${'A'.repeat(64)}\n`);
    expect((await auditDisk(await makeDisk(tree), join(directory, 'planted'))).findings).toEqual([
      'private key: usr/local/etc/key.pem',
      'host key: etc/ssh/ssh_host_rsa_key',
    ]);
  });

  test('fails where there is no system', async () => {
    mkdirSync(join(directory, 'tree'));
    const disk = await makeDisk(join(directory, 'tree'));
    await expect(auditDisk(disk, join(directory, 'files'))).rejects.toThrow(/holds no system/);
    await expect(auditTree(directory)).rejects.toThrow(/holds no system/);
  });
});

describeWithTools(['shellcheck'], 'generalize.sh', () => {
  test('passes shellcheck', async () => {
    await run('shellcheck', [join(__dirname, '../../../assets/haskell/scripts/generalize.sh')]);
  });
});
