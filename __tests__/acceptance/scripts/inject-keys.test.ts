import fc from 'fast-check';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { NAME_PATTERN } from '../../../src/model/names';
import { run } from '../../../src/process/run';
import { writeSeedIso } from '../../../src/drivers/seed-iso';
import type { GuestEnvironment } from '../../../src/rendering/guest-environment';
import { renderMetaData, renderUserData, type SeedInput, seedInstanceId } from '../../../src/rendering/seed';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools } from '../../support/tools';
import { FakeVirtualBox, MACHINE } from './support/fake-virtualbox';

jest.setTimeout(5 * 60_000);

describeWithTools(['xorriso', 'ssh-keygen', 'iconv'], 'inject-keys.sh', () => {
  let directory: string;
  let keys: string;
  let box: FakeVirtualBox;

  beforeAll(async () => {
    keys = temporaryDirectory();
    for (const name of ['host', 'tunnel', 'relay', 'developer', 'other', 'locked']) {
      const passphrase = name === 'locked' ? 'secret' : '';
      await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', passphrase, '-C', `${name}@here`, '-f', join(keys, name)]);
    }
    await run('ssh-keygen', ['-q', '-t', 'ecdsa', '-N', '', '-C', '', '-f', join(keys, 'ecdsa')]);
  });
  beforeEach(() => {
    directory = temporaryDirectory();
    box = new FakeVirtualBox(directory);
    box.answer('vms', `"alpha" {${MACHINE}}\r\n`);
  });
  function key(name: string): string {
    return readFileSync(join(keys, name), 'utf8');
  }

  const ENVIRONMENT: GuestEnvironment = {
    hostName: 'alpha',
    hub: { port: 8000, domain: 'railiance' },
    relay: { host: '10.0.2.2', port: 12220, user: 'buildfleet-tunnel' },
    tunnelPort: 12221,
    heartbeatSeconds: 30,
  };

  /** What a deploy would be given. */
  function input(environment: GuestEnvironment, developerKeys = [key('developer.pub').trim()]): SeedInput {
    return {
      environment,
      keys: {
        ...{ hostPrivateKey: key('host'), hostPublicKey: key('host.pub').trim(), tunnelPrivateKey: key('tunnel') },
        ...{ relayHostKeys: [key('relay.pub').trim(), key('ecdsa.pub').trim()], developerKeys },
      },
    };
  }

  const REQUIRED: Readonly<Record<string, string>> = {
    '--name': 'alpha',
    '--relay-host': '10.0.2.2',
    '--tunnel-port': '12221',
    '--tunnel-key': 'tunnel',
    '--host-key': 'host',
    '--relay-host-key': 'relay.pub',
    '--developer-key': 'developer.pub',
  };

  async function inject(changed: Readonly<Record<string, string>> = {}, ...more: string[]): Promise<string> {
    const args = Object.entries({ ...REQUIRED, ...changed });
    const { stdout, stderr } = await box.script('inject-keys.sh', [...args.flat(), ...more], keys);
    return stdout + stderr;
  }

  async function unpack(iso: string): Promise<{ userData: string; metaData: string }> {
    const out = mkdtempSync(join(directory, 'out-'));
    await run('xorriso', ['-osirrox', 'on', '-indev', iso, '-extract', '/', out]);
    await run('chmod', ['-R', 'u+rwX', out]);
    expect(readdirSync(out).sort()).toEqual(['meta-data', 'user-data']);
    return {
      userData: readFileSync(join(out, 'user-data'), 'utf8'),
      metaData: readFileSync(join(out, 'meta-data'), 'utf8'),
    };
  }

  async function expectSeed(iso: string, expected: SeedInput): Promise<void> {
    const { userData, metaData } = await unpack(iso);
    const wanted = renderUserData(expected);
    expect(parse(userData)).toEqual(parse(wanted));
    expect(userData).toBe(wanted);
    const { hostName } = expected.environment;
    expect(metaData).toBe(renderMetaData({ hostName, instanceId: seedInstanceId(hostName, wanted) }));
  }

  test('writes the seed that a deploy would write, to the last byte, for its owner alone', async () => {
    const iso = join(directory, 'seed.iso');
    await inject({ '--output': iso }, '--relay-host-key', 'ecdsa.pub');
    await expectSeed(iso, input(ENVIRONMENT));
    expect(statSync(iso).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory).filter((name) => name.startsWith('.'))).toEqual([]);
    expect(box.changes()).toEqual([]);

    const userData = renderUserData(input(ENVIRONMENT));
    const metaData = renderMetaData({ hostName: 'alpha', instanceId: seedInstanceId('alpha', userData) });
    const ours = join(directory, 'ours.iso');
    await writeSeedIso({ userData, metaData, path: ours, run, signal: new AbortController().signal });
    expect(readFileSync(iso).equals(readFileSync(ours))).toBe(true);
    await expect(inject({ '--output': iso })).rejects.toThrow(/is there already/);
  });

  test('for all valid settings', async () => {
    const port = fc.integer({ min: 1, max: 65535 });
    // The comment of a key is the one thing that people write freely; a line end begins another key.
    const comment = fc
      .oneof(
        fc.string({ maxLength: 30 }),
        fc.string({ unit: 'binary', maxLength: 30 }),
        fc.constantFrom('', 'no', '# x', 'a: "b" \\ \'c\'', 'Jürgen @ münchen', '日本', ' padded ', '0644'),
      )
      .filter((text) => !/[\n\u2028\u2029]/.test(text));
    const settings = fc.record({
      hostName: fc.stringMatching(NAME_PATTERN),
      hub: fc.record({ port, domain: fc.constantFrom('railiance', 'no', '12', 'a.b-c_d') }),
      relay: fc.record({
        ...{
          host: fc.constantFrom('', '192.168.1.10', 'fe80::1', 'workstation.example.org'),
          user: fc.constant('_t.x'),
        },
        port: fc.oneof(port, fc.constant(22)),
      }),
      tunnelPort: port,
      heartbeatSeconds: fc.integer({ min: 1, max: 86400 }),
    });
    let seeds = 0;
    await fc.assert(
      fc.asyncProperty(settings, comment, async (environment, text) => {
        const developer = `${key('developer.pub').split(' ', 2).join(' ')} ${text}`.replace(/[ \t]+$/, '');
        writeFileSync(join(keys, 'people.pub'), `# people\n\n${developer}\n${key('other.pub')}`);
        const given = { ...input(environment, [developer, key('other.pub').trim()]) };
        const iso = join(directory, 'any.iso');
        rmSync(iso, { force: true });
        const written = inject(
          {
            ...{ '--name': environment.hostName, '--relay-host': environment.relay.host, '--output': iso },
            ...{ '--relay-port': String(environment.relay.port), '--relay-user': environment.relay.user },
            ...{ '--hub-port': String(environment.hub.port), '--domain': environment.hub.domain },
            ...{ '--tunnel-port': String(environment.tunnelPort), '--developer-key': 'people.pub' },
            '--heartbeat': String(environment.heartbeatSeconds),
          },
          ...['--relay-host-key', 'ecdsa.pub'],
        );
        let isValid = true;
        try {
          renderUserData(given);
        } catch {
          isValid = false;
        }
        if (!isValid) {
          await expect(written).rejects.toThrow(/inject-keys: --developer-key/);
          expect(existsSync(iso)).toBe(false);
          return;
        }
        await written;
        await expectSeed(iso, given);
        seeds += 1;
      }),
      { numRuns: 60 },
    );
    expect(seeds).toBeGreaterThan(10);
  });

  test('attaches it to the VM, which must be there and off', async () => {
    await inject();
    const iso = join(box.home, '.local/state/buildfleet/seeds/alpha.iso');
    const controller = 'SATA Controller';
    expect(box.changes()).toEqual([
      ['storagectl', MACHINE, '--name', controller, '--portcount', '2'],
      [
        ...['storageattach', MACHINE, '--storagectl', controller, '--port', '1', '--device', '0'],
        ...['--type', 'dvddrive', '--medium', iso],
      ],
    ]);
    expect(statSync(iso).mode & 0o777).toBe(0o600);

    box.answer('calls', '');
    box.answer('info', 'VMState="running"\n');
    await expect(inject()).rejects.toThrow(/the VM alpha is running, and must be off/);
    box.answer('vms', `"alphabet" {${MACHINE}}\n`);
    await expect(inject()).rejects.toThrow(/VirtualBox has no VM alpha/);
    expect(box.changes()).toEqual([]);
  });

  test('takes the public half from the private key when it is not beside it, and refuses that of another', async () => {
    const host = join(directory, 'host');
    writeFileSync(host, key('host'), { mode: 0o600 });
    const iso = join(directory, 'seed.iso');
    await inject({ '--host-key': host, '--output': iso });
    const { ssh_keys } = parse((await unpack(iso)).userData) as { ssh_keys: { ed25519_public: string } };
    expect(ssh_keys.ed25519_public.split(' ')[1]).toBe(key('host.pub').split(' ')[1]);

    writeFileSync(`${host}.pub`, key('other.pub'));
    rmSync(iso);
    await expect(inject({ '--host-key': host, '--output': iso })).rejects.toThrow(/belongs to another key/);
  });

  test.each([
    [{ '--name': '../evil' }, '--name is ../evil'],
    [{ '--name': '-h' }, '--name is -h'],
    [{ '--name': 'a\nb' }, '--name is a'],
    [{ '--relay-host': 'a b' }, '--relay-host is a b'],
    [{ '--relay-host': 'x"\nSTATE_HUB_URL="y' }, '--relay-host is x'],
    [{ '--relay-host': '-oProxyCommand=x' }, '--relay-host is -o'],
    [{ '--relay-user': '$(id)' }, '--relay-user is $(id)'],
    [{ '--domain': 'a\tb' }, '--domain is'],
    [{ '--tunnel-port': '65536' }, '--tunnel-port is 65536'],
    [{ '--relay-port': '022' }, '--relay-port is 022'],
    [{ '--heartbeat': '0' }, '--heartbeat is 0'],
    [{ '--tunnel-key': 'tunnel.pub' }, '--tunnel-key: tunnel.pub is not an OpenSSH private key'],
    [{ '--tunnel-key': 'locked' }, '--tunnel-key: locked cannot be used, it may have a passphrase'],
    [{ '--tunnel-key': 'missing' }, '--tunnel-key: there is no file missing'],
    [{ '--host-key': 'ecdsa' }, '--host-key: ecdsa is not one ed25519 key'],
    [{ '--relay-host-key': 'relay' }, '--relay-host-key: a line of relay is not an OpenSSH public key'],
    [{ '--developer-key': 'none.pub' }, '--developer-key: none.pub holds no key'],
    [{ '--password': 'x' }, '--password is not known'],
  ])('refuses %j and writes nothing', async (changed: Record<string, string>, message) => {
    writeFileSync(join(keys, 'none.pub'), '# no key\n');
    const into = join(directory, 'into');
    mkdirSync(into);
    await expect(inject({ ...changed, '--output': join(into, 'seed.iso') })).rejects.toThrow(message);
    expect(readdirSync(into)).toEqual([]);
    expect(box.changes()).toEqual([]);
  });

  test('names what is missing', async () => {
    for (const option of Object.keys(REQUIRED)) {
      const args = Object.entries(REQUIRED).filter(([name]) => name !== option);
      await expect(box.script('inject-keys.sh', args.flat(), keys)).rejects.toThrow(`${option} is missing`);
    }
  });

  test('a key that all accounts can read is refused by OpenSSH, and the reason is shown', async () => {
    const tunnel = join(directory, 'tunnel');
    writeFileSync(tunnel, key('tunnel'));
    chmodSync(tunnel, 0o644);
    appendFileSync(join(keys, 'none.pub'), '');
    await expect(inject({ '--tunnel-key': tunnel, '--output': join(directory, 'x.iso') })).rejects.toThrow(
      /UNPROTECTED PRIVATE KEY FILE/,
    );
  });

  describeWithTools(['cloud-init'], 'its user-data', () => {
    test('is valid for cloud-init', async () => {
      const iso = join(directory, 'seed.iso');
      await inject({ '--output': iso });
      const path = join(directory, 'user-data');
      writeFileSync(path, (await unpack(iso)).userData);
      const { stdout, stderr } = await run('cloud-init', ['schema', '--config-file', path]);
      expect(`${stdout}${stderr}`).toMatch(/Valid (cloud-config|schema)/);
    });
  });
});
