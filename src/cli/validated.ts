import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../files/atomic';
import { runtimeDirectory } from '../files/runtime-directory';

/**
 * Remembers which text of a file was found valid by this program: a schema, and the library that it is written with,
 * take longer to load than all else that a short command does.
 */
export class Validated {
  constructor(private readonly environment: NodeJS.ProcessEnv) {}

  knows(file: string, text: string): boolean {
    try {
      return readFileSync(this.note(file), 'latin1') === digest(text);
    } catch {
      return false;
    }
  }

  remember(file: string, text: string): void {
    try {
      writeFileAtomically(this.note(file), digest(text), { mode: 0o600 });
    } catch {
      // It is validated again the next time.
    }
  }

  private note(file: string): string {
    return join(runtimeDirectory(this.environment), `valid-${sha256(file).slice(0, 16)}`);
  }
}

/** Digest of the text and of the program's name, which is made from its content: another program has another schema. */
function digest(text: string): string {
  return sha256(`${__filename}\0${text}`);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
