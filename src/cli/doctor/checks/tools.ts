import type { Observation } from '../../../model/finding';
import { ok, problem } from '../../../model/finding';
import type { Machine } from '../machine';
import { inCheckout } from '../../package-root';
import { ask, isAtLeast, versionIn } from '../../../process/ask';

const NODE = [20, 19] as const;
const TERRAFORM = [1, 5] as const;

export function checkNode({ nodeVersion }: Machine): Observation[] {
  const version = versionIn(nodeVersion) ?? [];
  return isAtLeast(version, NODE)
    ? [ok(nodeVersion)]
    : [problem(`${nodeVersion} is too old`, `install Node.js ${NODE.join('.')} or newer`)];
}

/** Whether this Node can use the binaries among the npm packages, which may have been installed with another one. */
export async function checkNodeModules(machine: Machine): Promise<Observation[]> {
  const answer = await ask(machine, machine.nodeProgram, [inCheckout('scripts', 'check-binaries.cjs')]);
  return answer.status === 'answered'
    ? [ok('its binaries load')]
    : [problem(answer.status === 'failed' ? answer.reason : `${machine.nodeProgram} is missing`, 'run `make setup`')];
}

/** Terraform, or OpenTofu where that is missing, as `make` chooses them. */
export async function checkTerraform(machine: Machine): Promise<Observation[]> {
  const chosen = machine.environment['TERRAFORM_BINARY_NAME'];
  const wanted = TERRAFORM.join('.');
  for (const program of chosen ? [chosen] : ['terraform', 'tofu']) {
    const answer = await ask(machine, program, ['version', '-json']);
    if (answer.status === 'missing') continue;
    if (answer.status === 'failed')
      return [problem(`${program} does not work: ${answer.reason}`, `install Terraform ${wanted} or newer again`)];
    const version = versionIn(/"terraform_version":\s*"([^"]+)"/.exec(answer.output)?.[1] ?? answer.output);
    if (version === undefined)
      return [problem(`${program} does not tell its version`, `install Terraform ${wanted} or newer`)];
    const found = `${program} ${version.join('.')}`;
    return isAtLeast(version, TERRAFORM)
      ? [ok(found)]
      : [problem(`${found} is too old`, `install Terraform ${wanted} or newer, or OpenTofu`)];
  }
  const remedy = `install Terraform ${wanted} or newer, or OpenTofu`;
  return [problem(chosen ? `there is no ${chosen}` : 'neither terraform nor tofu is installed', remedy)];
}
