import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { run } from '../../src/process/run';
import { describeWithTools } from '../support/tools';

const ROOT = join(__dirname, '../..');

/** The part of CycloneDX that tells which package needs which. */
const billSchema = z.object({
  bomFormat: z.literal('CycloneDX'),
  metadata: z.object({ component: z.object({ 'bom-ref': z.string() }) }),
  components: z.array(
    z.object({
      'bom-ref': z.string(),
      purl: z.string().startsWith('pkg:npm/'),
      hashes: z.array(z.object({ alg: z.literal('SHA-512'), content: z.string().regex(/^[0-9a-f]{128}$/) })).optional(),
    }),
  ),
  dependencies: z.array(z.object({ ref: z.string(), dependsOn: z.array(z.string()) })),
});
interface Package {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

describeWithTools(['make', 'npm'], 'the bill of materials', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'buildfleet sbom-'));
  });
  afterEach(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  test('of a clean checkout without a network names the direct dependencies and a hash of each package', async () => {
    for (const file of ['Makefile', 'package.json', 'package-lock.json', '.npmrc'])
      cpSync(join(ROOT, file), join(directory, file));
    await run('make', ['-C', directory, 'sbom'], { env: { npm_config_registry: 'http://127.0.0.1:1/' } });
    const text = readFileSync(join(directory, '.cache/sbom.cdx.json'), 'utf8');
    const bill = billSchema.parse(JSON.parse(text));
    const { dependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Package;
    const declared = Object.entries({ ...dependencies, ...devDependencies }).map(([name, version]) =>
      // the name of a package stands before that under which it is installed
      version.startsWith('npm:') ? version.slice('npm:'.length) : `${name}@${version}`,
    );
    const direct = bill.dependencies.find(({ ref }) => ref === bill.metadata.component['bom-ref'])?.dependsOn ?? [];
    expect([...direct].sort()).toEqual(declared.sort());
    const known = new Map(bill.components.map((component) => [component['bom-ref'], component]));
    expect(direct.filter((ref) => known.get(ref)?.hashes === undefined)).toEqual([]);
    expect(text).not.toMatch(/https?:\/\/127\.0\.0\.1/);
  });
});

test('CI writes it', () => {
  expect(readFileSync(join(ROOT, '.ci/run'), 'utf8')).toMatch(/^make sbom$/m);
});
