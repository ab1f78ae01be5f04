import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { completeFleet } from '../model/complete-fleet';
import { STATE_HOME } from '../model/defaults';
import { FleetError } from '../model/errors';
import type { Fleet, FleetVm, FleetFile } from '../model/fleet';
import { expandHome, FleetPaths } from '../model/paths';
import { describeIssues } from '../model/zod-issue';
import { loadFleetSchema } from './fleet-schema';
import type { Validated } from './validated';

/** A fleet as its `fleet.json` describes it, and where that lies. */
export interface LoadedFleet {
  /** Absolute or relative path of `fleet.json`. */
  readonly file: string;
  readonly fleet: Fleet;
  readonly paths: FleetPaths;
  /** Rendered client configuration, `~/` expanded. */
  readonly sshConfig: string;
  /** The operator's own client configuration, `~/` expanded. */
  readonly operatorSshConfig: string;
  /** Images, and what was found out about this machine; `~/` expanded. */
  readonly cacheDirectory: string;
}

export interface FleetSearch {
  /** `--fleet` */
  readonly option: string | undefined;
  /** Reads BUILDFLEET_FLEET. */
  readonly environment: NodeJS.ProcessEnv;
  readonly home: string;
}

/**
 * Where the fleet is described: `--fleet`, else BUILDFLEET_FLEET, else the only fleet that was deployed here.
 *
 * @throws FleetError `fleet-not-found` or `fleet-ambiguous`
 */
export function findFleetFile(search: FleetSearch): string {
  const given = search.option ?? search.environment['BUILDFLEET_FLEET'];
  if (given !== undefined && given !== '') return expandHome(given, search.home);
  const all = expandHome(STATE_HOME, search.home);
  const found = deployedFleets(all);
  const [only, ...others] = found;
  if (only === undefined) {
    throw new FleetError({
      code: 'fleet-not-found',
      problem: 'no fleet was deployed on this workstation',
      place: join(all, '*', 'fleet.json'),
      remedy: 'run `make deploy`, or name a fleet.json with --fleet or BUILDFLEET_FLEET',
    });
  }
  if (others.length > 0) {
    throw new FleetError({
      code: 'fleet-ambiguous',
      problem: `there are ${found.length} fleets: ${found.join(', ')}`,
      place: all,
      remedy: 'choose one with --fleet or BUILDFLEET_FLEET',
    });
  }
  return only;
}

function deployedFleets(directory: string): string[] {
  try {
    return readdirSync(directory)
      .sort()
      .map((name) => join(directory, name, 'fleet.json'))
      .filter(isReadable);
  } catch {
    return [];
  }
}

function isReadable(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch {
    return false;
  }
}

/**
 * Reads a `fleet.json`.
 *
 * @param validated remembers that this text was found valid, which need not be done twice
 * @throws FleetError `fleet-not-found` or `fleet-unreadable`, with every field that is wrong
 */
export function loadFleet(file: string, home: string, validated?: Validated): LoadedFleet {
  const fleet = completeFleet(parseFleet(readFleet(file), file, validated));
  return {
    file,
    fleet,
    paths: new FleetPaths(expandHome(fleet.stateDirectory, home)),
    sshConfig: expandHome(fleet.workstation.sshConfig, home),
    operatorSshConfig: expandHome(fleet.workstation.operatorSshConfig, home),
    cacheDirectory: expandHome(fleet.cacheDirectory, home),
  };
}

function readFleet(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new FleetError({
      code: missing ? 'fleet-not-found' : 'fleet-unreadable',
      problem: missing ? 'there is no such file' : `the file cannot be read: ${(cause as Error).message}`,
      place: file,
      remedy: missing
        ? 'run `make deploy`, or name a fleet.json with --fleet or BUILDFLEET_FLEET'
        : 'make it readable for this account',
      cause,
    });
  }
}

function parseFleet(text: string, file: string, validated: Validated | undefined): FleetFile {
  const remedy = 'run `make deploy`, which writes it again, with the checkout that this command belongs to';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new FleetError({
      code: 'fleet-unreadable',
      problem: `not JSON: ${(cause as Error).message}`,
      place: file,
      remedy,
      cause,
    });
  }
  // The schema only checks, and changes nothing.
  if (validated?.knows(file, text) === true) return value as FleetFile;
  const parsed = loadFleetSchema().safeParse(value);
  if (parsed.success) {
    validated?.remember(file, text);
    return parsed.data;
  }
  throw new FleetError({
    code: 'fleet-unreadable',
    ...describeIssues(parsed.error, { input: value }),
    place: file,
    remedy,
  });
}

/**
 * The VM with this alias.
 *
 * @throws FleetError `vm-unknown`, listing the aliases there are
 */
export function findVm(loaded: LoadedFleet, alias: string): FleetVm {
  const vm = loaded.fleet.vms.find(
    (candidate) => candidate.id === alias || candidate.name === alias || candidate.aliases.includes(alias),
  );
  if (vm !== undefined) return vm;
  const known = loaded.fleet.vms.map((candidate) => candidate.id).join(', ');
  throw new FleetError({
    code: 'vm-unknown',
    problem: `fleet ${loaded.fleet.fleet} has no VM of this name`,
    place: loaded.file,
    value: alias,
    remedy: known === '' ? 'declare one in main.ts and run `make deploy`' : `use one of: ${known}`,
  });
}

/**
 * The VM that is meant where none is named.
 *
 * @throws FleetError `vm-unknown` in a fleet without VMs
 */
export function defaultVm({ fleet, file }: LoadedFleet): FleetVm {
  const vm = fleet.vms.find((candidate) => candidate.default) ?? fleet.vms[0];
  if (vm !== undefined) return vm;
  throw new FleetError({
    code: 'vm-unknown',
    problem: `fleet ${fleet.fleet} has no VM`,
    place: file,
    remedy: 'declare one in main.ts and run `make deploy`',
  });
}
