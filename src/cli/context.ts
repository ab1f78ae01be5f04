import { homedir } from 'node:os';
import { type Run, run } from '../process/run';
import { findFleetFile, loadFleet, type LoadedFleet } from './fleet-file';
import type { Terminal } from './terminal';
import { Validated } from './validated';

/** Context of every command. Tests make their own. */
export interface Context {
  readonly terminal: Terminal;
  /** `--fleet` */
  readonly fleetOption: string | undefined;
  readonly environment: NodeJS.ProcessEnv;
  readonly home: string;
  /** Starts programs. */
  readonly run: Run;
  /** Fires on Ctrl-C and on SIGTERM. */
  readonly signal: AbortSignal;
}

/** The context of this process. */
export function processContext(terminal: Terminal, fleetOption: string | undefined, signal: AbortSignal): Context {
  return { terminal, fleetOption, environment: process.env, home: homedir(), run, signal };
}

/**
 * The fleet that the command line means.
 *
 * @throws FleetError `fleet-not-found`, `fleet-ambiguous` or `fleet-unreadable`
 */
export function openFleet(context: Context): LoadedFleet {
  return loadFleet(
    findFleetFile({ option: context.fleetOption, environment: context.environment, home: context.home }),
    context.home,
    new Validated(context.environment),
  );
}
