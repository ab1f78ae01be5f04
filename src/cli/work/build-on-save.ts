import { isFleetError } from '../../model/errors';
import { EXIT, INTERRUPTED } from '../exit-codes';
import { printError } from '../print-error';
import { visibleName } from '../project/visible-name';
import type { Terminal } from '../terminal';

/** Tools of {@link buildOnSave}. */
export interface OnSaveTools {
  readonly terminal: Terminal;
  /** Fires when the watch shall end. */
  readonly signal: AbortSignal;
  /** Begins to watch. Resolves when every later change is seen, with what ends that. */
  readonly watch: (onChange: (paths: readonly string[]) => void) => Promise<() => Promise<void>>;
  /**
   * Builds once.
   *
   * @param signal fires when it is to be cancelled: the call has to reject or return then
   * @returns the exit code
   */
  readonly build: (signal: AbortSignal) => Promise<number>;
}

/** What trying again cannot mend. */
const FINAL: readonly string[] = ['usage', 'vm-unknown'];

/**
 * Builds, and again whenever something is saved, until the signal fires. A save cancels the build that runs. A failure, a
 * lost VM among them, is told and tried again with the next save.
 *
 * @returns the exit code of the last build that came to its end, or that of Ctrl-C where none did
 */
export async function buildOnSave({ terminal, signal, watch, build }: OnSaveTools): Promise<number> {
  const isEnded = () => signal.aborted;
  let last: number = INTERRUPTED;
  let changed: string[] = [];
  let cancel = new AbortController();
  let wake: () => void = () => undefined;
  signal.addEventListener('abort', () => {
    wake();
  });
  const close = await watch((paths) => {
    changed.push(...paths);
    cancel.abort();
    wake();
  });
  try {
    while (!isEnded()) {
      if (changed.length > 0) terminal.message(`${described(changed)} changed`);
      changed = [];
      cancel = new AbortController();
      const begin = performance.now();
      const result = await once(build, cancel.signal, signal, terminal);
      if (isEnded()) break;
      if (result === undefined) continue;
      last = result;
      const seconds = ((performance.now() - begin) / 1000).toFixed(1);
      const outcome = result === EXIT.ok ? 'done' : `failed with exit code ${result}`;
      terminal.message(`${outcome} after ${seconds} s; waiting for a change, Ctrl-C ends`);
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (changed.length > 0 || isEnded()) resolve();
      });
    }
  } finally {
    await close();
  }
  return last;
}

/** The exit code of a build, or undefined where it was cancelled. */
async function once(
  build: OnSaveTools['build'],
  cancelled: AbortSignal,
  ended: AbortSignal,
  terminal: Terminal,
): Promise<number | undefined> {
  try {
    const code = await build(AbortSignal.any([cancelled, ended]));
    return cancelled.aborted ? undefined : code;
  } catch (error) {
    if (cancelled.aborted || ended.aborted) return undefined;
    if (!isFleetError(error) || FINAL.includes(error.code)) throw error;
    return printError(error, terminal, false);
  }
}

function described(paths: readonly string[]): string {
  const different = new Set(paths);
  const [first = ''] = different;
  return different.size === 1 ? visibleName(first) : `${different.size} files`;
}
