import { namesFileIn } from '../../../files/links';
import { note, ok, type Observation, problem, warning } from '../../../model/finding';
import type { Listener, Machine } from '../machine';
import type { Subject } from '../subject';

/** The ports of sshd and hub. For a deployed fleet, the check of the service reports a port without listener. */
export function checkServicePorts(machine: Machine, subject: Subject): Observation[] {
  const services = [
    ['the private sshd', subject.sshdPort],
    ['the State Hub', Number(new URL(subject.hubUrl).port)],
  ] as const;
  return services.map(([service, port]) => {
    const listener = machine.listener(port);
    if (listener === null) return ok(`${port} is free for ${service}`);
    if (isOurs(listener, subject)) return ok(`${port} belongs to ${service}`);
    return problem(
      `${port}, meant for ${service}, is taken by ${listener.description}`,
      'end that program, or give the workstation another port in main.ts',
    );
  });
}

/** The range that tunnels end at. `status` reports which VM a tunnel belongs to. */
export function checkTunnelPorts(machine: Machine, subject: Subject): Observation[] {
  const { first, last } = subject.tunnelPorts;
  const taken: Observation[] = [];
  let open = 0;
  const listening = [...machine.listeningPorts()].filter((port) => port >= first && port <= last);
  for (const port of listening.sort((one, other) => one - other)) {
    const listener = machine.listener(port);
    if (listener === null) continue;
    // The sessions of the private sshd hold the tunnels; they carry no path in their names.
    if (subject.fleet !== null && (listener.program?.startsWith('sshd') ?? false)) {
      open++;
      continue;
    }
    const found = `${port} is taken by ${listener.description}`;
    taken.push(
      subject.usedPorts.has(port)
        ? problem(`${found}, and a VM of the fleet has it`, 'end that program; the tunnel then comes up by itself')
        : warning(found, 'end that program before a VM gets this port, or give the workstation another range'),
    );
  }
  if (taken.length > 0) return taken;
  return [ok(`${first}-${last}: ${open === 0 ? 'all free' : `${open} open, the others free`}`)];
}

/** Whether the process was started from the fleet's state directory. */
export function isOurs({ argv }: Listener, { paths, fleet }: Subject): boolean {
  return fleet !== null && namesFileIn(paths.services, argv.join(' '));
}

export function notDeployed(): Observation {
  return note('no fleet is deployed here', 'run `make deploy`');
}
