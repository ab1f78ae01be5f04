import type { Facts, HubEntry, Image, Problem, Tunnel } from './report';
import { CDK_COMMAND } from '../../model/cdk-command';
import { CLOCK_TOLERANCE_SECONDS, differenceText } from '../../model/clock-difference';
import { durationText } from '../../model/units';

/** Less room than a build of a middle-sized project takes. */
const LITTLE_DISK_MIB = 1024;

/** Findings about one VM that can be used. */
export interface NotableFindings {
  /** Stack name, for remedies. */
  readonly fleet: string;
  /** Id of the VM. */
  readonly vm: string;
  readonly tunnel: Tunnel;
  readonly hubEntry: HubEntry;
  readonly facts: Facts;
  readonly image: Image;
  readonly consoleLog: string;
}

/** Deviations that do not prevent use of the VM. */
export function notesOn(findings: NotableFindings): Problem[] {
  return [...slowness(findings), ...wrongClock(findings), ...fullDisk(findings), ...oldImage(findings)];
}

function slowness({ tunnel, hubEntry, consoleLog }: NotableFindings): Problem[] {
  if (tunnel.state !== 'slow') return [];
  const age = hubEntry.heartbeatAgeSeconds;
  const alive = age === null ? '' : `; its last heartbeat is ${durationText(age)} old`;
  return [
    {
      reason: `the VM is slow: ${tunnel.detail}${alive}`,
      remedy: `it is busy or has just hung: look again in a minute; if this stays, look at ${consoleLog}`,
    },
  ];
}

/** Agents have it put right with each heartbeat, so that this stays only where that is not possible. */
function wrongClock({ facts: { clockAheadSeconds: ahead }, fleet }: NotableFindings): Problem[] {
  if (ahead === null || Math.abs(ahead) <= CLOCK_TOLERANCE_SECONDS) return [];
  return [
    {
      reason: `its clock is ${differenceText(ahead)}, and builds there would miss edits`,
      remedy: `the next build has it put right, or says why it cannot be; \`${CDK_COMMAND} deploy ${fleet}\` makes a VM of an older image anew`,
    },
  ];
}

function fullDisk({ facts: { diskFreeMib }, vm }: NotableFindings): Problem[] {
  if (diskFreeMib === null || diskFreeMib >= LITTLE_DISK_MIB) return [];
  return [
    {
      reason: `only ${diskFreeMib} MiB are left for workspaces`,
      remedy: `see with \`buildfleet exec ${vm} -- du -sh /build\` what takes the room, and remove what is not needed`,
    },
  ];
}

function oldImage({ image, fleet }: NotableFindings): Problem[] {
  if (image.state !== 'outdated') return [];
  const age = image.ageDays === null ? '' : `, built ${daysText(image.ageDays)},`;
  return [
    {
      reason: `the VM's disk was made from another image${age} than ${image.id} is now`,
      remedy: `run \`${CDK_COMMAND} deploy ${fleet}\`, which makes the VM anew; what lies in /build is lost with it`,
    },
  ];
}

function daysText(days: number): string {
  return days === 0 ? 'today' : days === 1 ? 'yesterday' : `${days} days ago`;
}
