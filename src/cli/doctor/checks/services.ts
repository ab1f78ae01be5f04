import { askHubForEntries } from '../../status/hub-entries';
import { ok, type Observation, problem } from '../../../model/finding';
import type { Machine } from '../machine';
import { ask, versionIn } from '../../../process/ask';
import type { Subject } from '../subject';
import { isOurs, notDeployed } from './ports';
import { CDK_COMMAND } from '../../../model/cdk-command';

/** Places of sshd, which ordinary accounts lack in their PATH. */
const SSHD = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/sbin/sshd', 'sshd'];

/** sshd is there, its generated configuration is valid, and it runs. */
export async function checkSshd(machine: Machine, subject: Subject): Promise<Observation[]> {
  const program = await findSshd(machine);
  if (program === undefined) {
    const remedy = 'apt-get install openssh-server; its own service need not run';
    return [problem('sshd, which the tunnels end at, is not installed', remedy)];
  }
  if (subject.fleet === null) return [ok(`OpenSSH ${program.version}`)];
  const config = `${subject.paths.services}/sshd_config`;
  const deploy = `run \`${CDK_COMMAND} deploy ${subject.name}\`, which`;
  if (machine.read(config) === null)
    return [problem(`${config} is not there or cannot be read`, `${deploy} writes it`)];
  const verdict = await ask(machine, program.path, ['-t', '-f', config]);
  if (verdict.status !== 'answered') {
    const reason = verdict.status === 'failed' ? verdict.reason : 'it is gone';
    return [problem(`sshd refuses ${config}: ${reason}`, `${deploy} writes it again`)];
  }
  const listener = machine.listener(subject.sshdPort);
  if (listener === null || !isOurs(listener, subject))
    return [problem(`the fleet's sshd does not run on port ${subject.sshdPort}`, `${deploy} starts it`)];
  return [ok(`OpenSSH ${program.version} runs on port ${subject.sshdPort}, its configuration is valid`)];
}

async function findSshd(machine: Machine): Promise<{ readonly path: string; readonly version: string } | undefined> {
  for (const path of SSHD) {
    // Old versions print theirs with a complaint about the option.
    const answer = await ask(machine, path, ['-V']);
    if (answer.status === 'missing') continue;
    return {
      path,
      version: versionIn(/OpenSSH_\S+/.exec(answer.output)?.[0] ?? '')?.join('.') ?? 'of unknown version',
    };
  }
  return undefined;
}

/** The fleet's State Hub answers. */
export async function checkHub(_machine: Machine, subject: Subject): Promise<Observation[]> {
  if (subject.fleet === null) return [notDeployed()];
  const answer = await askHubForEntries(subject.fleet, AbortSignal.timeout(5000));
  if (answer.reachable) return [ok(`${answer.url} answers`)];
  if (answer.answers) {
    const remedy = "see which program listens there with `ss -ltnp`; the log of the fleet's own hub says more";
    return [problem(`${answer.url} cannot be read: ${answer.detail}`, remedy)];
  }
  const remedy = `run \`${CDK_COMMAND} deploy ${subject.name}\`, which starts it`;
  return [problem(`${answer.url} does not answer: ${answer.detail}`, remedy)];
}
