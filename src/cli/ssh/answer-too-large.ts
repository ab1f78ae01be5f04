import { FleetError } from '../../model/errors';
import type { FleetVm } from '../../model/fleet';
import type { SshFailure } from '../../ssh/failure';

/** What is said of a VM that printed more than is taken as an answer, a failure of the kind `too-much`. */
export function answerTooLarge(vm: FleetVm, failure: SshFailure): FleetError {
  return new FleetError({
    code: 'vm-answer-limit',
    problem: failure.message,
    remedy: `look at what answers there with \`buildfleet ssh ${vm.id}\`; another VM can be had with --vm`,
    cause: failure,
  });
}
