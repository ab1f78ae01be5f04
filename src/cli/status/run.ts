import { type Context, openFleet } from '../context';
import { EXIT } from '../exit-codes';
import { collectStatus } from './collect';
import { driverPowerReader } from './driver-power';
import { renderStatus } from './render';
import type { StatusReport } from './report';
import { watchStatus } from './watch';

export interface StatusOptions {
  /** Seconds between two looks; undefined looks once. */
  readonly watch: number | undefined;
}

/**
 * `buildfleet status`: exit code 4 when at least one VM cannot be used. With `--watch` it goes on until Ctrl-C, which is
 * what ends it well.
 */
export async function status(context: Context, { watch }: StatusOptions): Promise<number> {
  const { terminal, signal } = context;
  if (watch !== undefined) {
    await watchStatus({ terminal, signal, seconds: watch, look: () => look(context) });
    return EXIT.ok;
  }
  const report = await look(context);
  terminal.data(
    terminal.json ? JSON.stringify(report, null, 2) : renderStatus(report, terminal.colour, terminal.screen?.columns),
  );
  return report.vms.every((vm) => vm.usable) ? EXIT.ok : EXIT.notUsable;
}

/** Reads everything anew, `fleet.json` included: a deploy may have changed it. */
function look(context: Context): Promise<StatusReport> {
  const loaded = openFleet(context);
  const tools = { run: context.run, powerReader: driverPowerReader(loaded, context), signal: context.signal };
  return collectStatus(loaded, tools);
}
