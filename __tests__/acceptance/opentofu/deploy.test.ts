import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { run } from '../../../src/process/run';
import { FleetProject, withOneCpu } from '../../support/fleet-project';
import { RunningFleet } from '../../support/running-fleet';
import { findProgram } from '../../support/tools';

jest.setTimeout(600_000);

// No package registry has it as a package: TOFU names one that was built or downloaded.
const tofu = process.env['TOFU'] ?? findProgram('tofu');
const describeWithTofu = tofu === null ? describe.skip : describe;

const PASSPHRASE = 'a passphrase of the test, which is long enough';
const ENCRYPTION = `
key_provider "pbkdf2" "test" { passphrase = "${PASSPHRASE}" }
method "aes_gcm" "test" { keys = key_provider.pbkdf2.test }
state { method = method.aes_gcm.test }
`;

describeWithTofu(`a machine with OpenTofu only${tofu === null ? ' (skipped: tofu missing)' : ''}`, () => {
  const project = new FleetProject({ sshd: 19520, hub: 19500, first: 19521, last: 19530 });
  const fleet = new RunningFleet(project);
  let path: string;

  beforeAll(() => {
    project.editMain((main) => withOneCpu(main).replace(/^.*'(beta|gamma|delta)'.*\n/gm, ''));
    path = pathWithoutTerraform(join(project.home, 'bin'));
  });
  afterAll(async () => {
    if (existsSync(join(project.directory, 'terraform.fleet.tfstate'))) await make('destroy');
    project.remove();
  });

  const make = (target: string, env: Record<string, string> = {}) =>
    run('make', [target], {
      cwd: project.directory,
      env: project.environment({ PATH: path, ...env }),
      acceptExitCodes: [0, 2],
    });

  test('make deploy and make destroy work, with an encrypted state, too', async () => {
    const env = { TF_ENCRYPTION: ENCRYPTION };
    const deployed = await make('deploy', env);
    expect({ ...deployed, tail: deployed.stdout.slice(-3000) }).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(project.state())).toHaveProperty('encrypted_data');
    expect(await fleet.vm('alpha')).toMatchObject({ usable: true });
    const diff = await make('diff', env);
    expect(`${diff.stdout}${diff.stderr}`).toContain('No changes');
    const destroyed = await make('destroy', env);
    expect(destroyed).toMatchObject({ exitCode: 0 });
    expect(project.state()).toBe('');
  });

  test('doctor names it, and its own configuration files', async () => {
    const { stdout } = await project.cli(['doctor'], { acceptExitCodes: [0, 1], env: { PATH: path } });
    expect(stdout).toMatch(/tofu 1\.\d+/);
    expect(readFileSync(join(project.directory, 'main.ts'), 'utf8')).toContain('alpha');
  });
});

/** Every program of the path but Terraform, and OpenTofu. */
function pathWithoutTerraform(directory: string): string {
  mkdirSync(directory);
  symlinkSync(tofu ?? '', join(directory, 'tofu'));
  const rest = (process.env['PATH'] ?? '').split(delimiter).map((entry, index) => {
    if (!existsSync(join(entry, 'terraform'))) return entry;
    const copy = join(directory, String(index));
    mkdirSync(copy);
    for (const name of readdirSync(entry)) {
      if (name !== 'terraform') symlinkSync(join(entry, name), join(copy, name));
    }
    return copy;
  });
  return [directory, ...rest].join(delimiter);
}
