import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError, type Run } from '../../../process/run';
import type { CreatedPaths } from '../created-paths';

/** Directory in which systemd records the accounts whose manager runs from boot on, and after the last log-out. */
export const LINGER_DIRECTORY = '/var/lib/systemd/linger';
const TIME_LIMIT = 10_000;

/** Context for an operator's manager that outlives the operator's sessions. */
export interface LingeringContext {
  readonly run: Run;
  readonly user: string;
  readonly created: CreatedPaths;
  /** Name in the record of created files. */
  readonly holder: string;
  /** {@link LINGER_DIRECTORY}, but in tests. */
  readonly directory?: string;
}

/**
 * Lets the operator's manager run from boot on, if that needs no authentication: Debian and Ubuntu allow it to every
 * account for itself.
 *
 * @returns whether it does
 */
export async function ensureLingering(context: LingeringContext, signal: AbortSignal): Promise<boolean> {
  const { run, user, created, holder } = context;
  const path = markOf(context);
  const ours = await created.hold(path, holder, signal);
  if (existsSync(path)) return true;
  try {
    await run('loginctl', ['--no-ask-password', 'enable-linger', user], { signal, timeout: TIME_LIMIT });
  } catch (error) {
    if (!(error instanceof CommandError) || error.cancelled) throw error;
  }
  if (existsSync(path)) return true;
  if (ours) await created.release(path, holder, signal, () => undefined);
  return false;
}

/** Ends lingering if buildfleet began it and no other fleet needs it. If that fails, it stays and does no harm. */
export async function releaseLingering(context: LingeringContext, signal: AbortSignal): Promise<void> {
  const { run, user, created, holder } = context;
  await created.release(markOf(context), holder, signal, async () => {
    try {
      await run('loginctl', ['--no-ask-password', 'disable-linger', user], { signal, timeout: TIME_LIMIT });
    } catch (error) {
      if (!(error instanceof CommandError) || error.cancelled) throw error;
    }
  });
}

function markOf({ directory = LINGER_DIRECTORY, user }: LingeringContext): string {
  return join(directory, user);
}
