import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../../files/atomic';
import { CDK_COMMAND } from '../../model/cdk-command';
import { FleetError } from '../../model/errors';

/** sha256 over these files of a directory; null if one is missing. */
export function programRevision(directory: string, names: readonly string[]): string | null {
  const hash = createHash('sha256');
  try {
    for (const name of names) hash.update(readFileSync(join(directory, name)));
  } catch {
    return null;
  }
  return hash.digest('hex');
}

/** Whether a copy is what the fleet's output offers; also true where that offers nothing. Cheaper than two hashes. */
export function isOfferedProgram(source: string, target: string, names: readonly string[]): boolean {
  try {
    return names.every((name) => readFileSync(join(source, name)).equals(readFileSync(join(target, name))));
  } catch {
    return true;
  }
}

/**
 * Copies a program out of the fleet's output, so that it survives a new synth and the removal of the
 * checkout. Files that are the same already are not touched.
 *
 * @returns the {@link programRevision} of the copy
 * @throws FleetError `program-missing` when it is in neither place
 */
export function copyProgram(source: string, target: string, names: readonly string[]): string {
  const [offered, present] = [programRevision(source, names), programRevision(target, names)];
  if (offered === null) {
    if (present !== null) return present;
    throw new FleetError({
      code: 'program-missing',
      problem: `the fleet's output lacks ${names.join(' or ')}`,
      place: source,
      remedy: `run "${CDK_COMMAND} synth" and deploy from its output`,
    });
  }
  if (offered !== present) {
    for (const name of names)
      writeFileAtomically(join(target, name), readFileSync(join(source, name)), { mode: 0o600 });
  }
  return offered;
}
