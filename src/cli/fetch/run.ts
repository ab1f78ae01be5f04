import { join, relative, resolve } from 'node:path';
import { withFileAdvice } from '../../files/file-errors';
import { FleetError } from '../../model/errors';
import { ProjectWork } from '../work/project-work';
import { type Context, openFleet } from '../context';
import { EXIT } from '../exit-codes';
import { isOursOrAbsent } from './destination';
import { fetchArtifacts, fetchEverything } from './fetch-artifacts';
import { fetchPaths } from './fetch-paths';
import { pathPattern } from './path-pattern';
import type { FetchReport } from './report';
import { whatDoesNotRunHere } from './runs-here';
import { projectOf, untilInterrupted } from '../work/run';

export interface FetchOptions {
  readonly project: string | undefined;
  readonly vm?: string | undefined;
  /** Directory; undefined: `./result`, with `all` the project's `dist-newstyle`, with `path` the project. */
  readonly to?: string | undefined;
  /** Patterns of files of the project, in place of what was built. */
  readonly path?: readonly string[] | undefined;
  readonly all: boolean;
  /** Most that is fetched, in bytes. */
  readonly limit: number;
}

/** `buildfleet fetch`: prints the path of each file that has arrived. */
export async function fetch(context: Context, options: FetchOptions): Promise<number> {
  const work = new ProjectWork(context, openFleet(context));
  const project = projectOf(context, options.project, false);
  const { path: patterns } = options;
  const usual = options.all ? join(project.root, 'dist-newstyle') : patterns === undefined ? 'result' : project.root;
  const to = resolve(options.to ?? usual);
  patterns?.forEach(pathPattern);
  if (options.all && to !== '/' && !isOursOrAbsent(to)) {
    throw new FleetError({
      code: 'destination-refused',
      problem: 'this was built here, and would be replaced as a whole',
      place: to,
      remedy: 'move it away, or give another directory with --to',
    });
  }
  return untilInterrupted(context, async () => {
    const place = await work.findPlace({ project, vm: options.vm });
    const tools = {
      run: context.run,
      connections: work.connections,
      signal: context.signal,
      limitBytes: options.limit,
    };
    const { terminal } = context;
    const fetchInto = async (): Promise<Pick<FetchReport, 'files' | 'remarks'>> => {
      if (options.all) {
        await fetchEverything(tools, place, to);
        return { files: [], remarks: [] };
      }
      if (patterns !== undefined) {
        const destination = options.to === undefined ? undefined : to;
        return fetchPaths(tools, place, { project: project.root, to: destination, patterns });
      }
      const fetching = await fetchArtifacts(tools, place, to);
      const missing = await whatDoesNotRunHere(context, place, project.root, fetching);
      return { files: [...fetching.files], remarks: [...fetching.remarks, ...missing] };
    };
    await work.resuming(place, () =>
      work.hold(place, async () => {
        const { files, remarks } = await withFileAdvice(to, fetchInto, 'fetch again');
        for (const line of remarks) terminal.message(line);
        const report: FetchReport = { formatVersion: 1, vm: place.vm.name, to, files, remarks };
        if (terminal.json) terminal.data(JSON.stringify(report, null, 2));
        else for (const path of options.all ? [to] : files.map((file) => file.path)) terminal.data(readable(path));
      }),
    );
    return EXIT.ok;
  });
}

/** A path relative to the working directory where that is shorter. */
function readable(path: string): string {
  const short = relative('', path);
  return short.startsWith('..') ? path : short;
}
