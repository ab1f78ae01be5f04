import { join, relative, resolve } from 'node:path';
import { withFileAdvice } from '../../files/file-errors';
import { FleetError } from '../../model/errors';
import { Work } from '../work/work';
import { type Context, openFleet } from '../context';
import { EXIT } from '../exit-codes';
import { isOursOrAbsent } from '../fetch/destination';
import { fetchArtifacts, fetchEverything } from '../fetch/fetch-artifacts';
import { projectOf, untilInterrupted } from './build';

export interface FetchOptions {
  readonly project: string | undefined;
  readonly vm?: string | undefined;
  /** Directory; undefined: `./result`, and with `all` the project's `dist-newstyle`. */
  readonly to?: string | undefined;
  readonly all: boolean;
}

/** `buildfleet fetch`: prints the path of each file that has arrived. */
export async function fetch(context: Context, options: FetchOptions): Promise<number> {
  const work = new Work(context, openFleet(context));
  const project = projectOf(context, options.project, false);
  const to = resolve(options.to ?? (options.all ? join(project.root, 'dist-newstyle') : 'result'));
  if (options.all && !isOursOrAbsent(to)) {
    throw new FleetError({
      code: 'destination-refused',
      problem: 'this was built here, and would be replaced as a whole',
      place: to,
      remedy: 'move it away, or give another directory with --to',
    });
  }
  return untilInterrupted(context, async () => {
    const place = await work.findPlace({ project, vm: options.vm });
    const tools = { run: context.run, connections: work.connections, signal: context.signal };
    const { terminal } = context;
    await work.resuming(place, () =>
      work.hold(place, async () => {
        const files = await withFileAdvice(
          to,
          () => (options.all ? fetchEverything(tools, place, to).then(() => []) : fetchArtifacts(tools, place, to)),
          'fetch again',
        );
        if (terminal.json) terminal.data(JSON.stringify({ formatVersion: 1, vm: place.vm.name, to, files }, null, 2));
        else for (const path of options.all ? [to] : files.map((file) => file.path)) terminal.data(readable(path));
      }),
    );
    return EXIT.ok;
  });
}

/** As somebody in the working directory would write it. */
function readable(path: string): string {
  const short = relative('', path);
  return short.startsWith('..') ? path : short;
}
