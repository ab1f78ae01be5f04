import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../src/process/run';
import { temporaryDirectory } from '../support/temporary-directory';

const ROOT = join(__dirname, '../..');

function scripts(directory: string): string[] {
  return readdirSync(join(ROOT, directory), { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((name) => name.endsWith('.sh') || name === '.ci/run');
}

describe('with CDPATH set, as some have it in their shell', () => {
  // `cd scripts` then goes elsewhere, and says where on standard output
  test('a script changes to the directory it lies in', async () => {
    const elsewhere = temporaryDirectory();
    mkdirSync(join(elsewhere, 'scripts'), { recursive: true });
    writeFileSync(join(elsewhere, 'terraform.odd.tfstate'), '{"resources":[{}]}');
    const result = await run('bash', ['scripts/remove-empty-state.sh', 'odd'], {
      cwd: ROOT,
      env: { CDPATH: elsewhere },
    });
    expect(result).toEqual({ stdout: '', stderr: '', exitCode: 0 });
  });

  test.each([...scripts('scripts'), ...scripts('.ci'), ...scripts('assets/fleet')])(
    '%s does not look at it',
    (script) => {
      const text = readFileSync(join(ROOT, script), 'utf8');
      const [before, behind] = text.split('unset CDPATH\n');
      const first = (behind === undefined ? text : (before ?? ''))
        .split('\n')
        .find((line) => /(^|\(|\s)cd /.test(line));
      expect(first?.startsWith('#') ?? true).toBe(true);
    },
  );
});
