import fc from 'fast-check';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../../src/process/run';
import { renderHcl } from '../../../src/images/packer/hcl';
import { hclBody } from '../../src/images/packer/support/hcl-documents';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools } from '../../support/tools';

/** Documents that are checked; one call of packer does for all. */
const DOCUMENTS = 400;

describeWithTools(['packer'], 'what the HCL writer writes, before packer fmt', () => {
  let directory: string;
  beforeAll(() => {
    directory = temporaryDirectory();
  });
  test('nothing is left to format', async () => {
    fc.sample(hclBody, DOCUMENTS).forEach((body, index) => {
      writeFileSync(join(directory, `${index}.pkr.hcl`), renderHcl(body));
    });
    // packer fmt prints the difference, from which the document can be told
    const { stdout, stderr } = await run('packer', ['fmt', '-check', '-diff', directory], { acceptExitCodes: [0, 3] });
    expect(stdout + stderr).toBe('');
  }, 120_000);

  test('packer fmt would format what is not as it wants it', async () => {
    const file = join(directory, 'loose.pkr.hcl');
    writeFileSync(file, 'a=1\n');
    const { exitCode } = await run('packer', ['fmt', file], { acceptExitCodes: [0, 3] });
    expect([exitCode, readFileSync(file, 'utf8')]).toEqual([0, 'a = 1\n']);
  }, 120_000);
});
