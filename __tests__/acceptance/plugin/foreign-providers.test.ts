import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FleetProject } from '../../support/fleet-project';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools } from '../../support/tools';
import { StandInMirror } from './support/stand-in-mirror';

const NULL = 'registry.terraform.io/hashicorp/null';
const SECOND = 'registry.terraform.io/example/second';

jest.setTimeout(300_000);

describeWithTools(['terraform', 'python3'], 'stacks that require providers besides ours', () => {
  const project = new FleetProject({ sshd: 12690, hub: 8690, first: 12691, last: 12694 });
  let mirror: StandInMirror;

  beforeAll(async () => {
    mirror = await StandInMirror.start(temporaryDirectory(), [
      { source: NULL, versions: ['3.2.4'] },
      { source: SECOND, versions: ['1.0.0', '1.4.0', '2.0.0'] },
    ]);
  });
  afterAll(async () => {
    await mirror.stop();
    project.remove();
  });

  const diff = async (): Promise<string> => {
    const { stdout } = await project.cdktf('diff', { stack: 'laptops', env: mirror.environment });
    return stdout;
  };
  /** What Terraform reads of it. */
  const lockFile = (): string =>
    readFileSync(join(project.directory, 'cdktf.out/stacks/laptops/.terraform.lock.hcl'), 'utf8')
      .replace(/^#.*\n|\/\*[\s\S]*?\*\/\n/gm, '')
      .trim();

  test('the shipped stack laptops, whose null provider comes from a registry, can be planned', async () => {
    expect(await diff()).toMatch(/Plan: \d+ to add, 0 to change, 0 to destroy/);
    expect(lockFile()).toMatch(new RegExp(`"${NULL}" \\{\\n  version     = "3.2.4"`));
    expect(mirror.requests.some((path) => path.includes('buildfleet.local'))).toBe(false);
  });

  test('a provider that a user adds, with a constraint that many versions satisfy, keeps its version', async () => {
    project.editMain((main) =>
      main.replace(
        'app.synth();',
        `import { TerraformProvider, TerraformResource } from 'cdktf';
        const second = new TerraformProvider(laptops, 'second', {
          terraformResourceType: 'second',
          terraformProviderSource: 'example/second',
          terraformGeneratorMetadata: { providerName: 'second', providerVersionConstraint: '> 0.9, < 2.0' },
        });
        new TerraformResource(laptops, 'of-second', { terraformResourceType: 'null_resource', provider: second });
        app.synth();`,
      ),
    );
    expect(await diff()).toMatch(/Plan: \d+ to add/);
    const first = lockFile();
    expect(first).toMatch(new RegExp(`"${SECOND}" \\{\\n  version     = "1.4.0"`));
    expect(await diff()).toMatch(/Plan: \d+ to add/);
    expect(lockFile()).toBe(first);
    expect(first).toContain('h1:');
  });

  test('another constraint chooses another version', async () => {
    project.editMain((main) => main.replace('> 0.9, < 2.0', '~> 2.0'));
    expect(await diff()).toMatch(/Plan: \d+ to add/);
    expect(lockFile()).toMatch(new RegExp(`"${SECOND}" \\{\\n  version     = "2.0.0"`));
  });
});
