import { note, ok, type Observation, warning } from '../../../model/finding';
import type { Machine } from '../machine';
import { ask } from '../../../process/ask';
import type { Subject } from '../subject';

/** Under WSL2: whether VMs elsewhere on the network can reach the sshd here. Elsewhere nothing is found. */
export async function checkWslNetworking(
  machine: Machine,
  { bridgeAdapters, sshdPort }: Subject,
): Promise<Observation[]> {
  if (!/microsoft/i.test(machine.read('/proc/version') ?? '')) return [];
  const answer = await ask(machine, 'wslinfo', ['--networking-mode']);
  const mode = answer.status === 'answered' ? answer.output.trim() : 'unknown';
  if (mode === 'mirrored') return [ok('WSL2 with mirrored networking: the LAN reaches this sshd')];
  const found = `WSL2 with ${mode} networking: the LAN does not reach the sshd on port ${sshdPort}`;
  const remedy = `set networkingMode=mirrored in .wslconfig and run \`wsl --shutdown\`, or have Windows forward the port (\`netsh interface portproxy add v4tov4 listenport=${sshdPort} connectport=${sshdPort} connectaddress=ADDRESS-OF-WSL\`)`;
  // VMs behind NAT dial the loopback of WSL2 through their host.
  return [bridgeAdapters.length > 0 ? warning(found, remedy) : note(`${found}; no VM of this fleet needs the LAN`)];
}
