import type { Construct } from 'constructs';
import type { PortLedger } from '../constructs/private/port-ledger';

/** Scope of a stack. */
export interface IFleetProject extends Construct {
  /** Where `main.ts` lies. */
  readonly projectDirectory: string;
  /** The port registry that all stacks of the project share. */
  readonly portLedger: PortLedger;
  /** An id for a stack whose own one cannot be used. */
  freeStackId(): string;
}
