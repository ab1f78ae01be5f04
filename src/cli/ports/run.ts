import { readFileSync, statSync } from 'node:fs';
import { isScalar, parseDocument } from 'yaml';
import { writeFileAtomically } from '../../files/atomic';
import { FleetError, isFleetError } from '../../model/errors';
import { vmName } from '../../model/names';
import { expandHome } from '../../model/paths';
import { type PortRegistry, releasePort } from '../../model/port-registry';
import { parsePortRegistry } from '../../rendering/port-registry';
import { type Context, openFleet } from '../context';
import { EXIT } from '../exit-codes';
import { renderTable } from '../table';
import type { PortList, PortRelease } from './report';

/** `buildfleet ports list` */
export async function listPorts(context: Context, registryPath: string): Promise<number> {
  const { registry } = readRegistry(expandHome(registryPath, context.home));
  const rows = [...registry].map(([port, entry]) => ({ port, ...entry }));
  if (context.terminal.json) {
    const report: PortList = { formatVersion: 1, ports: rows };
    context.terminal.data(JSON.stringify(report, null, 2));
  } else if (rows.length === 0) {
    context.terminal.message('no port is reserved');
  } else {
    const cells = rows.map(({ port, vm_name, host_machine, status }) => [
      String(port),
      vm_name ?? '',
      host_machine ?? '',
      status,
    ]);
    context.terminal.data(renderTable(['PORT', 'VM', 'HOST', 'STATUS'], cells, context.terminal.colour));
  }
  return Promise.resolve(EXIT.ok);
}

/**
 * `buildfleet ports release NAME|PORT`: frees the slot of a VM that the fleet no longer has. The rest of the file,
 * comments included, stays as it is.
 *
 * @throws FleetError `slot-unknown` or `slot-in-use`
 */
export async function releaseSlot(context: Context, registryPath: string, slot: string): Promise<number> {
  const path = expandHome(registryPath, context.home);
  const { registry, text } = readRegistry(path);
  const port = findSlot(registry, slot, path);
  const owner = registry.get(port)?.vm_name ?? '';
  refuseSlotInUse(context, port, owner);
  if (releasePort(registry, port) === undefined) throw unknownSlot(registry, slot, path);
  replaceFile(path, withStatusAvailable(text, port));
  const report: PortRelease = { formatVersion: 1, released: { port, vm_name: owner } };
  if (context.terminal.json) context.terminal.data(JSON.stringify(report));
  else context.terminal.message(`port ${port} of ${owner} is free; commit ${registryPath}`);
  return Promise.resolve(EXIT.ok);
}

function readRegistry(path: string): { readonly registry: PortRegistry; readonly text: string } {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new FleetError({
      code: 'registry-not-found',
      problem: `the port registry cannot be read: ${(cause as Error).message}`,
      place: path,
      remedy: 'run this beside main.ts, or name the file with --registry',
      cause,
    });
  }
  const { registry, problems } = parsePortRegistry(text, path);
  const [first, ...others] = problems;
  if (first === undefined) return { registry, text };
  if (others.length === 0) throw first;
  throw new FleetError({
    code: first.code,
    problem: `${problems.length} things are wrong with the port registry: ${problems.map(({ message }) => message).join('; ')}`,
    place: path,
    remedy: 'correct them, or take the file back from version control',
  });
}

function findSlot(registry: PortRegistry, slot: string, path: string): number {
  const found = [...registry].find(
    ([port, entry]) =>
      entry.status === 'reserved' &&
      (String(port) === slot || entry.vm_name === slot || entry.vm_name === vmName(slot)),
  );
  if (found === undefined) throw unknownSlot(registry, slot, path);
  return found[0];
}

function unknownSlot(registry: PortRegistry, slot: string, path: string): FleetError {
  const reserved = [...registry]
    .filter(([, entry]) => entry.status === 'reserved')
    .map(([port, entry]) => `${port} (${entry.vm_name ?? ''})`);
  return new FleetError({
    code: 'slot-unknown',
    problem: 'no reserved port has this number or VM name',
    place: path,
    value: slot,
    remedy: reserved.length === 0 ? 'there is nothing to release' : `use one of: ${reserved.join(', ')}`,
  });
}

/** Replaces the one word, because a YAML writer would move comments. */
function withStatusAvailable(text: string, port: number): string {
  const status = parseDocument(text).getIn(['ports', port, 'status'], true);
  if (!isScalar(status) || !status.range) throw new Error(`port ${port} has no status`);
  const [start, end] = status.range;
  return `${text.slice(0, start)}available${text.slice(end)}`;
}

/** The deployed fleet decides: its VM would lose the port that its tunnel holds. */
function refuseSlotInUse(context: Context, port: number, owner: string): void {
  const vm = deployedVms(context).find((candidate) => candidate.tunnelPort === port || candidate.name === owner);
  if (vm === undefined) return;
  throw new FleetError({
    code: 'slot-in-use',
    problem: `port ${port} belongs to ${vm.name}, which the fleet has`,
    place: `port ${port}`,
    remedy: `remove ${vm.id} from main.ts and run \`make deploy\` first`,
  });
}

function deployedVms(context: Context): readonly { id: string; name: string; tunnelPort: number }[] {
  try {
    return openFleet(context).fleet.vms;
  } catch (error) {
    // Before the first deploy, and after destroy, nothing is in use.
    const named = context.fleetOption ?? context.environment['BUILDFLEET_FLEET'];
    if (isFleetError(error) && error.code === 'fleet-not-found' && !named) return [];
    throw error;
  }
}

function replaceFile(path: string, text: string): void {
  try {
    writeFileAtomically(path, text, { mode: statSync(path).mode & 0o777 });
  } catch (cause) {
    throw new FleetError({
      code: 'registry-unwritable',
      problem: `the port registry cannot be written: ${(cause as Error).message}`,
      place: path,
      remedy: 'make the file and its directory writable',
      cause,
    });
  }
}
