import type { JournalAction, JournalOutcome, Progress } from '../../model/journal';

/** Work that begins on one object. */
export interface Operation {
  /** Terraform's resource type. */
  readonly type: string;
  /** What people call the object, empty where a fleet has one of the type. */
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
  /** What Terraform is warned of, one summary each. */
  readonly warnings: readonly string[];
  /** What went wrong; null after a success. */
  readonly error: string | null;
}

/** Where the framework says what becomes of objects, for people who watch. Nothing here may throw or take long. */
export interface Journal {
  begin(operation: Operation): OperationRecord;
}
