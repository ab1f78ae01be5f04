/** One `Host` of an ssh configuration. */
interface SshHost {
  /** The first is the VM's name. */
  readonly aliases: readonly string[];
  /** By keyword, in the order of the file. */
  readonly settings: ReadonlyMap<string, string>;
}

/** The hosts of a rendered ssh configuration by their first alias. */
export function sshHosts(text: string): ReadonlyMap<string, SshHost> {
  const hosts = new Map<string, { aliases: string[]; settings: Map<string, string> }>();
  let settings = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, keyword, value] = /^\s*([A-Za-z]+)\s+(.*\S)\s*$/.exec(line) ?? [];
    if (keyword === undefined || value === undefined) continue;
    if (keyword === 'Host') {
      const aliases = value.split(/\s+/);
      settings = new Map();
      hosts.set(aliases[0] ?? '', { aliases, settings });
    } else {
      settings.set(keyword, value);
    }
  }
  return hosts;
}
