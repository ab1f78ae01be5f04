import type { JournalAction, JournalOutcome, Progress } from '../../model/journal';

/** Work that begins on one object. */
export interface Operation {
  /** Terraform's resource type. */
  readonly type: string;
  /** The object's name for display, empty where a fleet has one of the type. */
  readonly name: string;
  readonly action: JournalAction;
}

/** The record of one operation while it goes on. */
export interface OperationRecord extends Progress {
  /** Called once, at the end. */
  end(result: OperationResult): void;
}

export interface OperationResult {
  readonly outcome: JournalOutcome;
  /** Summaries of the warnings that Terraform gets. */
  readonly warnings: readonly string[];
  /** Message of the error; null after a success. */
  readonly error: string | null;
}

/** Receives the framework's events on objects, for display. Methods must neither throw nor take long. */
export interface Journal {
  begin(operation: Operation): OperationRecord;
}
