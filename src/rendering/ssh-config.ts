import { CDK_COMMAND } from '../model/cdk-command';
import { GUEST_USER } from '../model/names';

/** One Host block. */
export interface SshConfigVm {
  /** Names that reach the VM; the first one is the alias its host key is pinned under. */
  readonly aliases: readonly [string, ...string[]];
  readonly tunnelPort: number;
}

export interface SshConfigParts {
  readonly vms: readonly SshConfigVm[];
  /** Private key that opens the VMs. */
  readonly identityFile: string;
  readonly knownHostsFile: string;
}

/** Client configuration of the fleet: every VM is reached through its tunnel, with the host key that deploy made. */
export function renderSshConfig(parts: SshConfigParts): string {
  const header = `# Written by buildfleet; \`${CDK_COMMAND} deploy\` overwrites changes.\n`;
  return header + parts.vms.map((vm) => renderHost(vm, parts)).join('');
}

/** Name of the block that {@link renderSshInclude} stands in. */
export function sshIncludeBlock(fleet: string): string {
  return `buildfleet ${fleet}`;
}

/** The block at the top of the operator's own configuration; it must come before any `Host *`. */
export function renderSshInclude(sshConfig: string): string {
  return `Include ${word(sshConfig)}\n`;
}

function renderHost(vm: SshConfigVm, parts: SshConfigParts): string {
  return `
Host ${vm.aliases.join(' ')}
  HostName 127.0.0.1
  Port ${vm.tunnelPort}
  User ${GUEST_USER}
  IdentityFile ${word(parts.identityFile)}
  IdentitiesOnly yes
  HostKeyAlias ${vm.aliases[0]}
  UserKnownHostsFile ${word(parts.knownHostsFile)}
  GlobalKnownHostsFile none
  StrictHostKeyChecking yes
  UpdateHostKeys no
  CheckHostIP no
  ForwardAgent no
  ForwardX11 no
  ServerAliveInterval 15
`;
}

function word(path: string): string {
  return /[\s"]/.test(path) ? `"${path.replaceAll('"', '\\"')}"` : path;
}
