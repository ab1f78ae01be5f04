import type { Finding } from '../report';
import { sshHosts } from '../ssh-hosts';
import type { StackComparison } from '../stack-comparison';
import { arrow, setChange } from '../words';

const SSH_CONFIG = 'ssh-config';

/** Changes that clients of the fleet notice: the default VM, the host of a VM, and the ssh configuration. */
export function clientFindings(comparison: StackComparison): readonly Finding[] {
  return [...defaultVm(comparison), ...hosts(comparison), ...sshConfig(comparison)];
}

function defaultVm({ before, after }: StackComparison): readonly Finding[] {
  const [one, other] = [before, after].map((stack) => stack.vms.find((vm) => vm.default)?.id);
  if (one === other || one === undefined || other === undefined) return [];
  return [
    {
      category: 'default-vm',
      subject: other,
      effect: 'change',
      sentence: `where no VM is named, and as \`haskell-build\`, VM ${other} is meant instead of ${one}`,
      details: [],
    },
  ];
}

/** A VM whose host has another name and that is otherwise the same; any other change of a VM reports its host, too. */
function hosts({ before, after, changes }: StackComparison): readonly Finding[] {
  return after.vms.flatMap((vm): Finding[] => {
    const former = before.vms.find(({ id }) => id === vm.id);
    const told = changes.some(
      ({ type, action, after: config }) =>
        type === 'buildfleet_vm' && action !== 'settings' && config?.['name'] === vm.name,
    );
    if (former === undefined || former.host === vm.host || told) return [];
    return [
      {
        category: 'host',
        subject: vm.id,
        effect: 'change',
        sentence: `VM ${vm.id} is listed on another host (${arrow(former.host, vm.host)}) and stays as it is`,
        details: [],
      },
    ];
  });
}

function sshConfig({ before, after }: StackComparison): readonly Finding[] {
  const [one, other] = [before, after].map(({ files }) => sshHosts(files.get(SSH_CONFIG) ?? '')) as [
    ReturnType<typeof sshHosts>,
    ReturnType<typeof sshHosts>,
  ];
  const { added, removed } = setChange([...one.keys()], [...other.keys()]);
  const details = [
    ...added.map((name) => `Host ${other.get(name)?.aliases.join(' ') ?? name} added`),
    ...removed.map((name) => `Host ${one.get(name)?.aliases.join(' ') ?? name} removed`),
    ...[...other.keys()].flatMap((name) => hostChanges(name, one.get(name), other.get(name))),
  ];
  if (details.length === 0) return [];
  return [
    {
      category: 'ssh-config',
      subject: SSH_CONFIG,
      effect: 'change',
      sentence: 'the ssh configuration changes',
      details,
    },
  ];
}

type Host = ReturnType<typeof sshHosts> extends ReadonlyMap<string, infer H> ? H : never;

function hostChanges(name: string, one: Host | undefined, other: Host | undefined): readonly string[] {
  if (one === undefined || other === undefined) return [];
  const { added, removed } = setChange(one.aliases, other.aliases);
  const keywords = [...new Set([...one.settings.keys(), ...other.settings.keys()])];
  return [
    ...added.map((alias) => `Host ${name} is also ${alias}`),
    ...removed.map((alias) => `Host ${name} is no longer ${alias}`),
    ...keywords
      .filter((keyword) => one.settings.get(keyword) !== other.settings.get(keyword))
      .map((keyword) => `Host ${name}: ${keyword} ${arrow(one.settings.get(keyword), other.settings.get(keyword))}`),
  ];
}
