import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleProvider } from '../../../src/programs/provider';
import { placeProvider } from '../../../src/programs/place-provider';
import { temporaryDirectory } from '../../support/temporary-directory';

describe('placing the provider', () => {
  let directory: string;
  beforeEach(() => {
    directory = temporaryDirectory();
  });
  test('every platform gets the same executable launcher', () => {
    placeProvider(directory);
    const root = join(directory, 'terraform.d/plugins/buildfleet.local/fleet/buildfleet/0.1.0');
    expect(readdirSync(root).sort()).toEqual(['darwin_amd64', 'darwin_arm64', 'linux_amd64', 'linux_arm64']);
    const launchers = readdirSync(root).map((platform) => join(root, platform, 'terraform-provider-buildfleet_v0.1.0'));
    expect(new Set(launchers.map((file) => readFileSync(file, 'utf8'))).size).toBe(1);
    expect(launchers.every((file) => (statSync(file).mode & 0o111) === 0o111)).toBe(true);
  });

  test('the lock file has the checksum of the launcher, and keeps what Terraform has locked of other providers', () => {
    const file = join(directory, '.terraform.lock.hcl');
    placeProvider(directory);
    expect(readFileSync(file, 'utf8')).toContain('"h1:');
    const locked = 'provider "registry.terraform.io/hashicorp/null" {\n  version     = "3.2.4"\n}\n';
    writeFileSync(file, `${readFileSync(file, 'utf8')}\n${locked}`);
    placeProvider(directory, [{ source: 'null' }]);
    expect(readFileSync(file, 'utf8')).toContain(locked);
  });

  test('the same sources give the same bytes, without a path of this machine', () => {
    const other = join(directory, 'other');
    expect(bundleProvider(join(directory, 'one'))).toBe(bundleProvider(other));
    for (const name of ['bundle.js', 'main.js']) {
      const text = readFileSync(join(directory, 'one', name), 'utf8');
      expect(readFileSync(join(other, name), 'utf8')).toBe(text);
      expect(text).not.toContain(process.cwd());
    }
  });

  test('code caches of other bundles are removed, that of this one stays', () => {
    const hash = bundleProvider(directory);
    writeFileSync(join(directory, `bundle-${hash}.v20.0.0-x64.code`), '');
    writeFileSync(join(directory, 'bundle-0000000000000000.v20.0.0-x64.code'), '');
    bundleProvider(directory);
    expect(readdirSync(directory).sort()).toEqual([`bundle-${hash}.v20.0.0-x64.code`, 'bundle.js', 'main.js']);
  });
});
