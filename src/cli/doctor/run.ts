import { isFleetError } from '../../model/errors';
import { type Context, openFleet } from '../context';
import { examine } from './examine';
import { thisMachine } from './machine';
import { renderDoctor } from './render';
import { subjectOf } from './subject';
import { EXIT } from '../exit-codes';
import type { LoadedFleet } from '../fleet-file';

/** `buildfleet doctor`: exit code 5 when there is at least one problem. */
export async function doctor(context: Context): Promise<number> {
  const report = await examine(thisMachine(context), subjectOf(deployedFleet(context), context.home));
  context.terminal.data(
    context.terminal.json ? JSON.stringify(report, null, 2) : renderDoctor(report, context.terminal.colour),
  );
  return report.findings.some(({ level }) => level === 'problem') ? EXIT.notReady : EXIT.ok;
}

/** Null before the first deploy; a fleet that was asked for by name has to be there. */
function deployedFleet(context: Context): LoadedFleet | null {
  try {
    return openFleet(context);
  } catch (error) {
    const named = context.fleetOption ?? context.environment['BUILDFLEET_FLEET'];
    if (isFleetError(error) && error.code === 'fleet-not-found' && !named) return null;
    throw error;
  }
}
