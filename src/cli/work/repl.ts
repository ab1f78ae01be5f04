import { INTERRUPTED } from '../exit-codes';
import type { Variables } from '../project/environment';
import { printError } from '../print-error';
import type { Terminal } from '../terminal';
import type { Place, ProjectWork, SourcesRequest } from './project-work';
import { ReloadGate } from './reload-gate';
import { runInWorkspace, type WorkspaceCommand } from './run-in-workspace';
import { SourceWatcher } from './source-watcher';

/** A sending that an interrupt has cut off is begun anew this often. */
const MOST_ATTEMPTS = 3;

export interface PromptRequest extends SourcesRequest {
  /** Environment variables for the prompt. */
  readonly variables: Variables;
}

/** The prompt of a project, as it is run at its place. */
export type PromptCommand = (place: Place) => Pick<WorkspaceCommand, 'subdirectory' | 'argv' | 'prepare'>;

/**
 * Opens a prompt on a machine that has the sources. While it is open, it holds the workspace from no other session, and
 * edits are sent. SIGINT interrupts what is evaluated there.
 *
 * @returns its exit code, or that of Ctrl-C where that came before it was open
 */
export async function openPrompt(work: ProjectWork, request: PromptRequest, command: PromptCommand): Promise<number> {
  const { context } = work;
  const before = new AbortController();
  const signal = AbortSignal.any([context.signal, before.signal]);
  const part = work.until(signal);
  let edits: Edits | undefined;
  let isOpen = false;
  const missed = { any: false };
  const onInterrupt = () => {
    if (isOpen) edits?.interrupted();
    else before.abort();
  };
  process.on('SIGINT', onInterrupt);
  let watcher: SourceWatcher | undefined;
  try {
    const { run, terminal } = context;
    const onError = (error: unknown) => void printError(error, terminal, false);
    const onChange = () => {
      if (edits === undefined) missed.any = true;
      else edits.send().catch(() => undefined);
    };
    const { project, sending } = request;
    watcher = await SourceWatcher.start({ run, signal }, { root: project.root, sending, onChange, onError });
    const place = await part.withSources(request, async (there, sent) => {
      await sent;
      return there;
    });
    const opened = new Edits(part, { ...request, vm: place.vm.id, ghc: undefined, again: false });
    edits = opened;
    if (missed.any) opened.send().catch(() => undefined);
    return await part.holdPrompt(place, async (prompt) => {
      isOpen = true;
      return runInWorkspace(
        { signal, connections: part.connections },
        {
          ...{ vm: prompt.vm, workspace: prompt.workspace, hasInterrupts: true },
          ...{
            variables: request.variables,
            after: Promise.resolve(),
            inputThrough: new ReloadGate(() => opened.send()),
          },
          ...command(place),
        },
      );
    });
  } catch (error) {
    if (signal.aborted) return INTERRUPTED;
    throw error;
  } finally {
    process.off('SIGINT', onInterrupt);
    await watcher?.close();
  }
}

/** Sends what is edited while a prompt is open. */
class Edits {
  private readonly work: ProjectWork;
  private running: Promise<void> = Promise.resolve();
  /** The sending that has not begun yet. */
  private next: Promise<void> | undefined;
  private interrupts = 0;

  constructor(
    private readonly prompt: ProjectWork,
    private readonly request: SourcesRequest,
  ) {
    // Messages would be taken for the prompt's.
    const terminal: Terminal = { ...prompt.context.terminal, message: () => undefined };
    this.work = prompt.until(prompt.context.signal, { terminal });
  }

  interrupted(): void {
    this.interrupts++;
  }

  /** Resolves when everything that was edited before the call is there. A failure is told, and rejects. */
  send(): Promise<void> {
    this.next ??= this.running
      .catch(() => undefined)
      .then(() => {
        this.next = undefined;
        return (this.running = this.sendNow());
      });
    return this.next;
  }

  private async sendNow(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const interrupts = this.interrupts;
      try {
        await this.work.withSources(this.request, (_, sent) => sent);
        return;
      } catch (error) {
        const { signal, terminal } = this.prompt.context;
        if (signal.aborted) throw error;
        if (interrupts !== this.interrupts && attempt < MOST_ATTEMPTS) continue;
        printError(error, terminal, false);
        throw error;
      }
    }
  }
}
