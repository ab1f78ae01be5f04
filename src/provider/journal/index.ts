import { resolve } from 'node:path';
import { RUN_VARIABLE, runName } from '../../model/journal';
import { readProcess } from '../../process/process-identity';
import type { Journal } from '../plugin/journal';
import { EventJournal } from './event-journal';
import { hubOfFleet, HubNotes } from './hub-notes';
import { JournalFile } from './journal-file';

/** Parts of a fleet's journal. */
export interface FleetJournalOptions {
  readonly fleet: string;
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
}

/** The journal of this process's fleet: a file that is followed, and notes in the State Hub. */
export function fleetJournal({ fleet, directory, environment }: FleetJournalOptions): Journal {
  const file = new JournalFile({ directory, run: runName(environment[RUN_VARIABLE]) ?? runOfTerraform() });
  // Terraform starts the provider in the stack's output, where synth has put the description of the fleet.
  const notes = new HubNotes({ fleet, hub: () => hubOfFleet(resolve('fleet.json')) });
  process.once('exit', () => {
    file.close();
  });
  return new EventJournal((event) => {
    file.append(event);
    notes.take(event);
  });
}

/** The same for every provider process that one Terraform starts. */
function runOfTerraform(): string {
  return `${process.ppid}-${readProcess(process.ppid)?.startTime ?? '0'}`;
}
