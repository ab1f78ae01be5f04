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
  return `Include ${word(patternEscaped(sshConfig))}\n`;
}

/**
 * Settings on which the way to a VM depends, so that no `Host *` of the operator's decides on them. ssh takes the first
 * value. What is the operator's to choose stays theirs: ciphers, agents, messages, forwardings of their own.
 */
const FIXED = `  KexAlgorithms ^curve25519-sha256,curve25519-sha256@libssh.org
  HostKeyAlgorithms ssh-ed25519
  StrictHostKeyChecking yes
  NoHostAuthenticationForLocalhost no
  VerifyHostKeyDNS no
  KnownHostsCommand none
  UpdateHostKeys no
  CheckHostIP no
  PubkeyAuthentication yes
  PubkeyAcceptedAlgorithms +ssh-ed25519
  PreferredAuthentications publickey
  AddressFamily inet
  BindAddress 127.0.0.1
  CanonicalizeHostname no
  ProxyCommand none
  ProxyJump none
  ControlMaster no
  ControlPath none
  RequestTTY auto
  RemoteCommand none
  SessionType default
  StdinNull no
  ForkAfterAuthentication no
  PermitLocalCommand no
  ExitOnForwardFailure no
  Tunnel no
  ForwardAgent no
  ForwardX11 no
  ServerAliveInterval 15
  ServerAliveCountMax 3
`;

function renderHost(vm: SshConfigVm, parts: SshConfigParts): string {
  return `
Host ${vm.aliases.join(' ')}
  HostName 127.0.0.1
  Port ${vm.tunnelPort}
  User ${GUEST_USER}
  IdentityFile ${word(tokensEscaped(parts.identityFile))}
  IdentitiesOnly yes
  HostKeyAlias ${vm.aliases[0]}
  UserKnownHostsFile ${word(tokensEscaped(parts.knownHostsFile))}
  GlobalKnownHostsFile none
${FIXED}`;
}

/**
 * What ssh would take for something else in a path and cannot be told otherwise; null where there is nothing. It expands
 * variables in paths, and knows no way to write a dollar sign before a brace.
 */
export function unspeakableInSshPath(path: string): string | null {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  return /\$\{|[\u0000-\u001f\u007f]/.exec(path)?.[0] ?? null;
}

/**
 * Puts the home directory in the place of each `~/` at the beginning of a word, quoted as the line has it: one of
 * ssh_config, or the check command of a tunnel, which is a word of a shell in an unquoted scalar of YAML.
 */
export function withHome(text: string, home: string): string {
  return text.replace(/^.*$/gm, (line) =>
    line.replace(HOME_AT_WORD_START, (_, before: string) => `${before}${homeIn(line, before, home)}/`),
  );
}

/** Reverts {@link withHome}, as far as the text tells. */
export function withoutHome(text: string, home: string): string {
  const spellings = ['', 'Include ', 'check_cmd: '].flatMap((line) => [' ', '"'].map((at) => homeIn(line, at, home)));
  return spellings.reduce((shown, spelling) => shown.replaceAll(`${spelling}/`, '~/'), text);
}

const HOME_AT_WORD_START = /(^|[\s="'])~\//g;

function homeIn(line: string, before: string, home: string): string {
  if (line.startsWith('check_cmd: ')) return home.replace(/[^A-Za-z0-9_/.,@+:\u0080-\uffff-]/g, '\\$&');
  const path = /^\s*Include\s/.test(line) ? patternEscaped(home) : tokensEscaped(home);
  return path.replace(before === '"' ? /["\\]/g : /["'\\ ]/g, '\\$&');
}

/** One argument of an option. In quotes, ssh knows a backslash before a quote or a backslash only. */
function word(path: string): string {
  return /[\s"'\\]/.test(path) ? `"${path.replace(/["\\]/g, '\\$&')}"` : path;
}

/** A percent sign begins a token. */
function tokensEscaped(path: string): string {
  return path.replaceAll('%', '%%');
}

/** Include takes a pattern; a percent sign is a token in newer versions only, so that it is matched by any character. */
function patternEscaped(path: string): string {
  return path.replace(/[*?[\\]/g, '\\$&').replaceAll('%', '?');
}
