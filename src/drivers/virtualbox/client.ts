import { setTimeout as pause } from 'node:timers/promises';
import { CommandError, type Run } from '../../process/run';

/** A failure of VBoxManage. `text` is its own words, without the lines that it prints at every call. */
export class VBoxManageError extends Error {
  constructor(
    readonly command: string,
    readonly text: string,
    /** Everything that was printed, warnings of the start script included. */
    readonly output: string,
    cause?: unknown,
  ) {
    super(`${command}: ${text}`, cause === undefined ? undefined : { cause });
    this.name = 'VBoxManageError';
  }

  /** Whether VBoxManage itself broke down. VBoxSVC may or may not have done what it was asked. */
  get isCrash(): boolean {
    return this.cause instanceof CommandError && CRASH_SIGNALS.has(this.cause.endedBy ?? '');
  }

  /** Whether one of VirtualBox's result or status codes is named: `VBOX_E_FILE_ERROR`, `VERR_DISK_FULL`. */
  says(...codes: readonly string[]): boolean {
    return codes.some((code) => new RegExp(`\\b${code}\\b`).test(this.text));
  }
}

const CRASH_SIGNALS = new Set(['SIGSEGV', 'SIGBUS', 'SIGABRT']);

export interface ClientOptions {
  readonly run: Run;
  /** Default `VBoxManage`. */
  readonly program?: string | undefined;
  /** Milliseconds to wait for another session to let go of a machine or medium. Default 30 s. */
  readonly lockPatience?: number | undefined;
  /** Milliseconds before a call that did not get to VBoxSVC is repeated; twice as many each further time. Default 0.5 s. */
  readonly serverInterval?: number | undefined;
}

const LOCK_PATIENCE = 30_000;

/**
 * VirtualBox speaks the language that its user has chosen, in every locale, and drops every text with a letter that the
 * locale lacks: under `C` an error in another language would be an empty line, without its code.
 */
const LOCALE = { LC_ALL: 'C.UTF-8' };

/** Milliseconds between two attempts. One attempt costs VirtualBox some fifty. */
const LOCK_INTERVAL = 300;

/** How often a call is made that does not get to VBoxSVC. */
const SERVER_ATTEMPTS = 5;
const SERVER_INTERVAL = 500;

/** How often a command is given during which VBoxManage crashes, as it does now and then where several run at once. */
const CRASH_ATTEMPTS = 3;

/** Calls VBoxManage. Its exit code is 0 for some failures, and progress goes to stderr, so both are read. */
export class VBoxManage {
  constructor(private readonly options: ClientOptions) {}

  /**
   * Reads a list of `listArguments`. A VM that cannot be read is an error on stderr, and its entry and all others are
   * there all the same.
   *
   * @throws as {@link run}, for a list that could not be made
   */
  async list(args: readonly string[], signal?: AbortSignal): Promise<string> {
    return this.survivingCrashes(signal, () => this.reachingServer(signal, () => this.runOnce(args, signal, false)));
  }

  /**
   * Runs a command. VBoxSVC gets it once, even if several attempts are needed to reach it.
   *
   * @param onText receives its output, as it comes
   * @returns stdout with Unix line ends; what the start script prints first is still in it
   * @throws VBoxManageError; CommandError when the program is missing or the call was cancelled
   */
  async run(args: readonly string[], signal?: AbortSignal, onText?: (text: string) => void): Promise<string> {
    return this.reachingServer(signal, () => this.runOnce(args, signal, true, onText));
  }

  /**
   * VBoxManage gives up on its server, VBoxSVC, where many calls come at once on a machine that is busy. It has not asked
   * it for anything then, so every command can be repeated.
   */
  private async reachingServer(signal: AbortSignal | undefined, call: () => Promise<string>): Promise<string> {
    let interval = this.options.serverInterval ?? SERVER_INTERVAL;
    for (let attempt = 1; ; attempt++, interval *= 2) {
      try {
        return await call();
      } catch (error) {
        const isUnheard = error instanceof VBoxManageError && foundNoServer(error.output);
        if (!isUnheard || attempt === SERVER_ATTEMPTS) throw error;
        await pause(interval, undefined, { signal });
      }
    }
  }

  private async survivingCrashes(signal: AbortSignal | undefined, call: () => Promise<string>): Promise<string> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await call();
      } catch (error) {
        const isCrash = error instanceof VBoxManageError && error.isCrash;
        if (!isCrash || attempt === CRASH_ATTEMPTS) throw error;
        await pause(LOCK_INTERVAL, undefined, { signal });
      }
    }
  }

  private async runOnce(
    args: readonly string[],
    signal: AbortSignal | undefined,
    isStrict: boolean,
    onText?: (text: string) => void,
  ): Promise<string> {
    const { run, program = 'VBoxManage' } = this.options;
    try {
      const { stdout, stderr } = await run(program, args, { signal, env: LOCALE, ...(onText ? { onText } : {}) });
      const output = plainLines(`${stdout}\n${stderr}`);
      if (isStrict && ERROR_LINE.test(output)) throw new VBoxManageError(args[0] ?? program, complaint(output), output);
      return plainLines(stdout);
    } catch (error) {
      if (!(error instanceof CommandError) || error.cancelled || error.code !== undefined) throw error;
      const output = plainLines(`${error.stdout}\n${error.stderr}`);
      const [happened = ''] = error.message.split('\n');
      throw new VBoxManageError(args[0] ?? program, complaint(output) || happened, output, error);
    }
  }

  /**
   * Runs a command that needs a machine's lock, again and again while another session has it, and again after a crash of
   * VBoxManage: such a command may be given twice.
   */
  async change(args: readonly string[], signal: AbortSignal): Promise<string> {
    const deadline = Date.now() + (this.options.lockPatience ?? LOCK_PATIENCE);
    for (;;) {
      try {
        return await this.survivingCrashes(signal, () => this.run(args, signal));
      } catch (error) {
        const isLocked = error instanceof VBoxManageError && error.says(...LOCKED_CODES);
        if (!isLocked || Date.now() >= deadline) throw error;
        await pause(LOCK_INTERVAL, undefined, { signal });
      }
    }
  }
}

/** VirtualBox's codes while a session or another command holds a machine. */
export const LOCKED_CODES = ['VBOX_E_INVALID_OBJECT_STATE', 'VBOX_E_OBJECT_IN_USE'] as const;

/** Whether VBoxManage says that it found no server. What failed on one that was there has a context, too. */
export function foundNoServer(output: string): boolean {
  return /NS_ERROR_FAILURE .*\(extended info not available\)/.test(output) && !output.includes('Context: ');
}

const ERROR_LINE = /^VBoxManage(?:\.exe)?: error: /m;

function plainLines(text: string): string {
  return text.replaceAll('\r\n', '\n');
}

/** The lines that say what is wrong; not those that say where in VirtualBox's source it was noticed. */
function complaint(output: string): string {
  const lines = output.split('\n').flatMap((line) => /^VBoxManage(?:\.exe)?: error: (.*)$/.exec(line)?.[1] ?? []);
  return lines.filter((line) => !/^(Context: |\/.*\[\d+\] \()/.test(line)).join('; ');
}
