import { AsyncLocalStorage } from 'node:async_hooks';

/** Receives the argument vector of each command, program first, as it starts. Secrets never stand in one. */
export type CommandListener = (argv: readonly string[]) => void;

const listeners = new AsyncLocalStorage<CommandListener>();

/** Runs `work` and calls the listener for every command that it starts, also after an await. */
export function observeCommands<T>(listener: CommandListener, work: () => T): T {
  return listeners.run(listener, work);
}

/** Called where a program is started. */
export function commandStarts(argv: readonly string[]): void {
  listeners.getStore()?.(argv);
}
