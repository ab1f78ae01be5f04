import type { HubEntry, Power, Problem, Tunnel } from './report';
import { CDK_COMMAND } from '../../model/cdk-command';
import { durationText } from '../../model/units';

/** Findings about one VM that decide whether it can be used. */
export interface Findings {
  /** Stack name, for remedies. */
  readonly fleet: string;
  readonly tunnelPort: number;
  readonly power: Power;
  readonly tunnel: Tunnel;
  readonly hubEntry: HubEntry;
  readonly hub: { readonly url: string; readonly detail: string };
  /** Whether the sshd that tunnels end at listens; asked only when a tunnel is not up. */
  readonly sshdListens: boolean;
  readonly sshdPort: number;
  /** `python3 (pid 4711, user alice)`; empty when not known. */
  readonly portOwner: string;
  readonly consoleLog: string;
}

/** The first thing that keeps a VM from being used, in the order in which they cause one another; null if none does. */
export function diagnose(findings: Findings): Problem | null {
  return powerProblem(findings) ?? tunnelProblem(findings) ?? hubProblem(findings);
}

function powerProblem({ power, fleet }: Findings): Problem | null {
  const deploy = `run \`${CDK_COMMAND} deploy ${fleet}\``;
  const why = power.detail === '' ? '' : ` (${power.detail})`;
  switch (power.state) {
    case 'missing':
      return { reason: 'the VM does not exist', remedy: `${deploy}, which creates it` };
    case 'stopped':
      return { reason: `the VM is powered off${why}`, remedy: `${deploy}, which starts it` };
    case 'crashed':
      return { reason: `the VM has crashed${why}`, remedy: `${deploy}, which starts it again` };
    case 'paused':
      return {
        reason: `the VM is paused${why}`,
        // QEMU halts a VM that it cannot write for, most often because its disk cannot grow.
        remedy: `${power.detail.endsWith('io-error') ? "free some space on the host's disk, then " : ''}${deploy}, which lets it go on`,
      };
    case 'running':
    case 'unknown':
      return null;
  }
}

/** Why the tunnel of a VM that should have one cannot be used. */
export function tunnelProblem(findings: Omit<Findings, 'power' | 'hubEntry' | 'hub'>): Problem | null {
  const { tunnel, tunnelPort, fleet } = findings;
  const holder = findings.portOwner === '' ? '' : `, held by ${findings.portOwner},`;
  const place = `127.0.0.1:${tunnelPort}`;
  switch (tunnel.state) {
    case 'up':
    case 'slow':
      return null;
    case 'wrong-host-key':
      return {
        reason: `${place}${holder} answers with another host key than the pinned one`,
        remedy: `end the program that took the port; if the VM was made anew, \`${CDK_COMMAND} deploy ${fleet}\` pins its key`,
      };
    case 'not-ssh':
      return {
        reason: `${place}${holder} answers, but not as an sshd (${tunnel.detail})`,
        remedy: 'end the program that took the port; the tunnel then comes back by itself within seconds',
      };
    case 'silent':
      return {
        reason: `${place} is open, but no sshd answers behind it (${tunnel.detail})`,
        remedy: `the VM is starting, overloaded or hanging; if this stays, look at ${findings.consoleLog}`,
      };
    case 'closed':
      return findings.sshdListens
        ? {
            reason: `the VM has not opened its tunnel: nothing listens on ${place}`,
            remedy: `wait a moment if it is starting; if this stays, look at ${findings.consoleLog}; after five minutes \`${CDK_COMMAND} deploy ${fleet}\` starts it again`,
          }
        : {
            reason: `no tunnel can be opened, because the workstation's sshd on port ${findings.sshdPort} is down`,
            remedy: `run \`${CDK_COMMAND} deploy ${fleet}\`, which starts it; the VMs come back by themselves`,
          };
    case 'unknown':
      return {
        reason: `the tunnel could not be tried: ${tunnel.detail}`,
        remedy: `mend what it names; \`${CDK_COMMAND} deploy ${fleet}\` writes the fleet's ssh configuration anew`,
      };
  }
}

/** Why the entry of a VM in the State Hub is not what it should be. */
export function hubProblem({
  hubEntry,
  hub,
  fleet,
  tunnelPort,
  consoleLog,
}: Pick<Findings, 'hubEntry' | 'hub' | 'fleet' | 'tunnelPort' | 'consoleLog'>): Problem | null {
  switch (hubEntry.state) {
    case 'fresh':
    case 'unknown-age':
      return null;
    case 'hub-down':
      return {
        reason: `the State Hub at ${hub.url} cannot be asked (${hub.detail})`,
        remedy: `run \`${CDK_COMMAND} deploy ${fleet}\`, which starts it; \`buildfleet build\` and \`exec\` work meanwhile`,
      };
    case 'hub-unreadable':
      return {
        reason: `what answers at ${hub.url} cannot be read as a State Hub (${hub.detail})`,
        remedy: `see which program listens there with \`ss -ltnp\`; if it is the fleet's hub, its log says more: end it, and it starts again`,
      };
    case 'missing':
      return {
        reason: 'the VM has no entry in the State Hub',
        remedy: `wait a moment if it is starting; if this stays, look at \`systemctl status build-agent\` in the VM`,
      };
    case 'wrong-port':
      return {
        reason: `the VM's entry in the State Hub does not name its port ${tunnelPort}`,
        remedy: `run \`${CDK_COMMAND} deploy ${fleet}\`; if this stays, look at \`systemctl status build-agent\` in the VM`,
      };
    case 'stale':
      return {
        reason: `the VM's last heartbeat is ${durationText(hubEntry.heartbeatAgeSeconds ?? 0)} old`,
        remedy: `look at \`systemctl status build-agent\` in the VM and at ${consoleLog}`,
      };
  }
}
