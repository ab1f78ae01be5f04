import type { StatusReport, VmStatus } from '../../../../../src/cli/status/report';

/** A VM without a fault, changed. */
export function vmStatus(changes: Partial<VmStatus> = {}): VmStatus {
  return {
    id: 'alpha',
    name: 'haskell-build-alpha',
    aliases: ['haskell-build-alpha', 'alpha'],
    default: true,
    host: 'here',
    tunnelPort: 12221,
    power: { state: 'running', detail: '' },
    tunnel: { state: 'up', detail: '' },
    hubEntry: { state: 'fresh', heartbeatAgeSeconds: 12, ghcVersions: ['9.8.4', '9.6.6'] },
    facts: {
      cpus: 4,
      load: 0.07,
      memoryMib: 7931,
      memoryFreeMib: 7100,
      diskFreeMib: 30210,
      uptimeSeconds: 7300,
      clockAheadSeconds: 0.1,
      builds: ['app-1f'],
    },
    image: { id: 'haskell', state: 'current', definitionHash: 'ab', hash: 'ab', ageDays: 3 },
    login: 'ssh alpha',
    usable: true,
    problem: null,
    notes: [],
    ...changes,
  };
}

export function statusReport(...vms: VmStatus[]): StatusReport {
  const hub = { url: 'http://127.0.0.1:8000', reachable: true, detail: '' };
  return { formatVersion: 1, fleet: 'fleet', fleetFile: '/state/fleet.json', hub, vms };
}
