import { CommandError, type CommandResult, type Run, type RunOptions } from '../process/run';
import { sshArguments, type SshCall } from './arguments';
import { SshFailure } from './failure';
import type { SshTarget } from './target';

/** Largest answer of a VM, on each of its streams, in bytes: what a VM says in a few lines. */
const LARGEST_ANSWER = 4 * 2 ** 20;

/**
 * What is run on a VM, and how its answer is waited for. Limits of a call belong here. That of its output is 4 MiB where
 * none is given: what is expected of a VM is short, and a VM may say anything.
 */
export interface RemoteCommand extends Pick<RunOptions, 'signal' | 'timeout' | 'input' | 'onLine' | 'limit'> {
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
    return await run('ssh', sshArguments(target, call, command), { limit: LARGEST_ANSWER, ...options });
  } catch (error) {
    throw error instanceof CommandError && !error.cancelled ? new SshFailure(target.vm, what, error, error) : error;
  }
}
