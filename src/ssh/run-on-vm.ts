import { CommandError, type CommandResult, type Run, type RunOptions } from '../process/run';
import { sshArguments, type SshCall } from './arguments';
import { SshFailure } from './failure';
import type { SshTarget } from './target';

/** What is run on a VM, and how its answer is waited for. Limits of a call belong here. */
export interface RemoteCommand extends Pick<RunOptions, 'signal' | 'timeout' | 'input' | 'onLine'> {
  /** The part of buildfleet that asks for it, for messages. */
  readonly what: string;
  /** Text for the VM's login shell; undefined for a call that runs nothing. */
  readonly command?: string;
}

/**
 * Calls ssh once.
 *
 * @throws SshFailure; CommandError when the signal fired
 */
export async function runOnVm(
  run: Run,
  target: SshTarget,
  call: SshCall,
  { what, command, ...options }: RemoteCommand,
): Promise<CommandResult> {
  try {
    return await run('ssh', sshArguments(target, call, command), options);
  } catch (error) {
    throw error instanceof CommandError && !error.cancelled ? new SshFailure(target.vm, what, error, error) : error;
  }
}
