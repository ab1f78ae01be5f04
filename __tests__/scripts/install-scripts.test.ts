import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

interface LockFile {
  readonly packages: Readonly<Record<string, { readonly hasInstallScript?: boolean; readonly resolved?: string }>>;
}
const { packages } = JSON.parse(read('package-lock.json')) as LockFile;

const listed = read('scripts/install-scripts.txt')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => /^(\S+) (run|off) (\S.*)$/.exec(line)?.slice(1) ?? [line]);

test('each package with an install script is decided on by name, with a reason', () => {
  const scripted = Object.entries(packages)
    .filter(([, { hasInstallScript }]) => hasInstallScript)
    .map(([path]) => path.replace(/^.*node_modules\//, ''));
  expect(listed.filter((fields) => fields.length !== 3)).toEqual([]);
  expect(listed.map(([name]) => name)).toEqual([...new Set(scripted)].sort());
});

test('npm runs none by itself', () => {
  expect(read('.npmrc').split('\n')).toContain('ignore-scripts=true');
});

test('the lock file names no registry', () => {
  const named = Object.entries(packages).filter(([path, { resolved }]) => path !== '' && resolved !== undefined);
  expect(named).toEqual([]);
});
