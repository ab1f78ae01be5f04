import type { IConstruct } from 'constructs';
import type { FleetPaths } from '../../src/model/paths';
import type { PortLedger } from './port-ledger';

const FLEET = Symbol.for('buildfleet/Fleet');

/** The stack as its constructs see it. */
export interface IFleet extends IConstruct {
  readonly fleetName: string;
  /** Where `main.ts` lies. */
  readonly projectDirectory: string;
  /** Where deploy puts things on the workstation; may begin with `~/`. */
  readonly paths: FleetPaths;
  /** Where images are kept; may begin with `~/`. */
  readonly cacheDirectory: string;
  readonly portLedger: PortLedger;
}

/** Makes a stack findable by {@link fleetOf}. */
export function markFleet(stack: IFleet): void {
  Object.defineProperty(stack, FLEET, { value: true });
}

/**
 * The fleet that a construct belongs to.
 *
 * @throws Error if it is in none
 */
export function fleetOf(construct: IConstruct): IFleet {
  const stack = construct.node.scopes.findLast((scope) => FLEET in scope);
  if (stack === undefined) throw new Error(`${construct.node.path} is not inside a FleetStack`);
  return stack as unknown as IFleet;
}
