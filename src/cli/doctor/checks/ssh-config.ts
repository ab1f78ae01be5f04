import { isFleetError } from '../../../model/errors';
import { CDK_COMMAND } from '../../../model/cdk-command';
import { findBlock, isWrittenByHand } from '../../../rendering/managed-block';
import { renderSshInclude, sshIncludeBlock } from '../../../rendering/ssh-config';
import { ok, type Observation, warning } from '../../../model/finding';
import type { Machine } from '../machine';
import type { Subject } from '../subject';

/** The operator's own configuration includes the fleet's, before any block that would take precedence. */
export function checkSshConfig(machine: Machine, subject: Subject): Observation[] {
  const { fleet, name } = subject;
  if (fleet === null) return [];
  const path = fleet.operatorSshConfig;
  const deploy = `run \`${CDK_COMMAND} deploy ${name}\`, which writes it; \`buildfleet ssh VM\` works without it`;
  const text = machine.read(path) ?? '';
  try {
    const block = findBlock(text, sshIncludeBlock(name));
    const byHand = [fleet.sshConfig, fleet.fleet.workstation.sshConfig].map(renderSshInclude);
    if (block === null && byHand.some((include) => isWrittenByHand(text, include)))
      return [ok(`${path} includes the fleet's`)];
    if (block === null) return [warning(`${path} does not include the fleet's: \`ssh VM\` finds no VM`, deploy)];
    if (machine.read(fleet.sshConfig) === null)
      return [warning(`${path} includes ${fleet.sshConfig}, which is not there`, deploy)];
    if (/^\s*(Host|Match)\s/im.test(text.slice(0, block.start)))
      return [
        warning(
          `${path} includes the fleet's after another block, whose settings come first`,
          'move the lines of buildfleet to the top of the file',
        ),
      ];
    return [ok(`${path} includes the fleet's`)];
  } catch (error) {
    if (!isFleetError(error)) throw error;
    return [warning(`${path}: ${error.problem}`, error.remedy)];
  }
}
