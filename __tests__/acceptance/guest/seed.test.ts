import { copyFileSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../../src/process/run';
import { writeSeedIso } from '../../../src/drivers/seed-iso';
import { renderMetaData, renderUserData, SEED_PLACEHOLDERS, seedInstanceId } from '../../../src/rendering/seed';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools } from '../../support/tools';

const ENVIRONMENT = {
  hostName: 'haskell-build-alpha',
  hub: { port: 8000, domain: 'railiance' },
  relay: { host: '10.0.2.2', port: 12220, user: 'buildfleet-tunnel' },
  tunnelPort: 12221,
  heartbeatSeconds: 30,
};

jest.setTimeout(60_000);

describe('seed of one machine', () => {
  let directory: string;
  beforeEach(() => {
    directory = temporaryDirectory();
  });
  async function realUserData(): Promise<string> {
    const keys: Record<string, { readonly secret: string; readonly open: string }> = {};
    for (const name of ['host', 'tunnel', 'relay', 'developer']) {
      const path = join(directory, name);
      await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', path]);
      keys[name] = { secret: readFileSync(path, 'utf8'), open: readFileSync(`${path}.pub`, 'utf8').trim() };
      rmSync(path);
      rmSync(`${path}.pub`);
    }
    return renderUserData({
      environment: ENVIRONMENT,
      keys: {
        hostPrivateKey: keys['host']?.secret ?? '',
        hostPublicKey: keys['host']?.open ?? '',
        tunnelPrivateKey: keys['tunnel']?.secret ?? '',
        relayHostKeys: [keys['relay']?.open ?? ''],
        developerKeys: [keys['developer']?.open ?? ''],
      },
    });
  }

  describeWithTools(['cloud-init', 'ssh-keygen'], 'user-data', () => {
    test.each(['with real keys', 'as it is shown'])('is valid %s', async (kind) => {
      const userData =
        kind === 'with real keys'
          ? await realUserData()
          : renderUserData({ environment: ENVIRONMENT, keys: SEED_PLACEHOLDERS });
      const path = join(directory, 'user-data');
      writeFileSync(path, userData);
      const { stdout, stderr } = await run('cloud-init', ['schema', '--config-file', path]);
      expect(`${stdout}${stderr}`).toMatch(/Valid (cloud-config|schema)/);
      expect(`${stdout}${stderr}`).not.toMatch(/deprecated|warning/i);
    });
  });

  describeWithTools(['xorriso', 'blkid', 'ssh-keygen'], 'ISO', () => {
    test('is labelled, private, the same for the same content, and holds both files', async () => {
      const userData = await realUserData();
      const metaData = renderMetaData({
        instanceId: seedInstanceId('haskell-build-alpha', userData),
        hostName: 'haskell-build-alpha',
      });
      const path = join(directory, 'seed.iso');
      const write = () => writeSeedIso({ userData, metaData, path, run, signal: new AbortController().signal });
      await write();
      copyFileSync(path, join(directory, 'first.iso'));
      // Dates on an ISO have a resolution of one second.
      await new Promise((resolve) => setTimeout(resolve, 1100));
      await write();
      expect(readFileSync(path).equals(readFileSync(join(directory, 'first.iso')))).toBe(true);
      expect(statSync(path).mode & 0o777).toBe(0o600);
      expect(readdirSync(directory).sort()).toEqual(['first.iso', 'seed.iso']);

      const { stdout: label } = await run('blkid', ['-p', '-o', 'value', '-s', 'LABEL', path]);
      expect(label.trim()).toBe('CIDATA');
      await run('xorriso', ['-osirrox', 'on', '-indev', path, '-extract', '/', join(directory, 'out')]);
      expect(readdirSync(join(directory, 'out')).sort()).toEqual(['meta-data', 'user-data']);
      expect(readFileSync(join(directory, 'out/user-data'), 'utf8')).toBe(userData);
      expect(readFileSync(join(directory, 'out/meta-data'), 'utf8')).toBe(metaData);
      await run('chmod', ['-R', 'u+w', join(directory, 'out')]);
    });

    test('is never readable by others while it is written', async () => {
      const path = join(directory, 'seed.iso');
      const modes = new Set<string>();
      const watching = setInterval(() => {
        for (const name of readdirSync(directory)) {
          const found = statSync(join(directory, name), { throwIfNoEntry: false });
          if (found) modes.add((found.mode & 0o777).toString(8));
        }
      }, 1);
      const before = process.umask(0);
      try {
        await writeSeedIso({ userData: 'SECRET', metaData: '', path, run, signal: new AbortController().signal });
      } finally {
        process.umask(before);
        clearInterval(watching);
      }
      modes.add((statSync(path).mode & 0o777).toString(8));
      expect([...modes].sort()).toEqual(['600', '700']);
    });

    test('a cancelled call leaves no secret behind', async () => {
      const abort = new AbortController();
      abort.abort();
      const path = join(directory, 'seed.iso');
      await expect(
        writeSeedIso({ userData: 'SECRET', metaData: '', path, run, signal: abort.signal }),
      ).rejects.toThrow();
      expect(readdirSync(directory)).toEqual([]);
    });
  });
});
