import { statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { removeAbandonedWrites, writeFileAtomically } from '../../files/atomic';
import { bytesOf, byteText, readByteText } from '../../files/byte-text';
import { inTurn } from '../../files/in-turn';
import { makeDirectories } from '../../files/directories';
import { followLinks } from '../../files/links';
import { FleetError, isFleetError } from '../../model/errors';
import { findBlock, insertBlock, isWrittenByHand, removeBlock } from '../../rendering/managed-block';
import { renderSshInclude, sshIncludeBlock } from '../../rendering/ssh-config';
import type { Outcome } from './report';

export interface InstallRequest {
  /** The operator's own configuration; may be a link, and may not exist yet. */
  readonly file: string;
  readonly fleet: string;
  /** The fleet's configuration, absolute. */
  readonly sshConfig: string;
  readonly signal: AbortSignal;
}

/**
 * Has the operator's ssh configuration include the fleet's, as a deploy does, with the same block: whichever comes
 * second finds it. Everything else in the file stays as it is, byte for byte, and so do its mode and a link to it.
 *
 * @throws FleetError `managed-block-broken` when the block's markers do not match, `ssh-config-unwritable`
 */
export async function installInclude({ file, fleet, sshConfig, signal }: InstallRequest): Promise<Outcome> {
  try {
    const path = followLinks(file);
    return await inTurn(path, signal, () => {
      removeAbandonedWrites(dirname(path), basename(path));
      const before = readByteText(path);
      const { text, outcome } = withInclude(before ?? '', fleet, sshConfig);
      if (outcome === 'unchanged') return outcome;
      makeDirectories(dirname(path), 0o700);
      const mode = before === null ? 0o600 : statSync(path).mode & 0o777;
      writeFileAtomically(path, bytesOf(text), { mode });
      return outcome;
    });
  } catch (cause) {
    if (signal.aborted) throw cause;
    if (isFleetError(cause)) throw withPlace(cause, file);
    throw new FleetError({
      code: 'ssh-config-unwritable',
      problem: `the ssh configuration cannot be changed: ${(cause as Error).message}`,
      place: file,
      remedy: 'make it and its directory writable for this account, or put the Include there by hand',
      cause,
    });
  }
}

function withInclude(text: string, fleet: string, sshConfig: string): { text: string; outcome: Outcome } {
  const block = byteText(sshIncludeBlock(fleet));
  const content = byteText(renderSshInclude(sshConfig));
  const existing = findBlock(text, block);
  if (existing === null && isWrittenByHand(text, content)) return { text, outcome: 'unchanged' };
  if (existing === null) return { text: insertBlock(text, block, content), outcome: 'installed' };
  if (hasSettings(text.slice(0, existing.start)))
    return { text: insertBlock(removeBlock(text, block), block, content), outcome: 'moved' };
  const after = insertBlock(text, block, content);
  return { text: after, outcome: after === text ? 'unchanged' : 'updated' };
}

/** ssh takes the first value that it finds, so settings above the Include win. Other fleets' Includes may stand there. */
function hasSettings(above: string): boolean {
  return above.split('\n').some((line) => !/^\s*(#|$|Include[\s=])/i.test(line));
}

function withPlace(error: FleetError, place: string): FleetError {
  const { code, problem, remedy } = error;
  return new FleetError({ code, problem, place: error.place ?? place, remedy, cause: error });
}
