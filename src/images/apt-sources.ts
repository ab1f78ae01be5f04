/** One archive that apt is told to use. */
export interface AptSource {
  readonly uri: string;
  readonly suite: string;
  readonly components: readonly string[];
  /** Keyring or fingerprint that must have signed it; undefined when nothing is said. */
  readonly signedBy: string | undefined;
}

/** Suites under which Debian itself publishes, and their companions. */
const DEBIAN_SUITE =
  /^(buster|bullseye|bookworm|trixie|forky|duke|sid|oldoldstable|oldstable|stable|testing|unstable)(-updates|-security|-backports|-proposed-updates|\/updates)?$/;

/** A file of the one-line format (`/etc/apt/sources.list`). Lines that are not understood are left out. */
export function parseOneLineSources(text: string): AptSource[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)((?:\s+[^\s#]+)*)\s*(?:#.*)?$/.exec(line);
    const [, options, uri, suite, components] = match ?? [];
    if (uri === undefined || suite === undefined) return [];
    const signedBy = /(?:^|\s)signed-by=(\S+)/i.exec(options ?? '')?.[1];
    return [{ uri, suite, components: words(components ?? ''), signedBy }];
  });
}

/** A file of the deb822 format (`*.sources`). Disabled and source-only stanzas are left out. */
export function parseDeb822Sources(text: string): AptSource[] {
  const withoutComments = text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n');
  return withoutComments.split(/\n[ \t]*(?:\n[ \t]*)*\n|\n\n+/).flatMap((stanza) => {
    const fields = deb822Fields(stanza);
    if (!words(fields.get('types') ?? '').includes('deb')) return [];
    if (/^(no|false|0|off|disable)$/i.test(fields.get('enabled') ?? 'yes')) return [];
    const components = words(fields.get('components') ?? '');
    const signedBy = fields.get('signed-by');
    return words(fields.get('uris') ?? '').flatMap((uri) =>
      words(fields.get('suites') ?? '').map((suite) => ({ uri, suite, components, signedBy })),
    );
  });
}

function deb822Fields(stanza: string): Map<string, string> {
  const fields = new Map<string, string>();
  let last: string | undefined;
  for (const line of stanza.split('\n')) {
    const [, name, value] = /^([^\s:]+):[ \t]*(.*)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) {
      last = name.toLowerCase();
      fields.set(last, value.trim());
    } else if (last !== undefined && /^[ \t]/.test(line)) {
      fields.set(last, `${fields.get(last) ?? ''}\n${line.trim()}`.trim());
    }
  }
  return fields;
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

/**
 * The lines for an image's suite from the Debian archives among a workstation's sources: the archive, and its updates
 * and security companions where the workstation uses those. Empty when it uses no Debian archive.
 *
 * @param suite of the image, `trixie`; the workstation's own may differ
 */
export function debianLines(sources: readonly AptSource[], suite: string): string[] {
  const debian = sources.filter(isDebianArchive);
  const archive = debian.find((source) => /\/debian\/?$/.test(source.uri));
  if (archive === undefined) return [];
  const security = debian.find((source) => /\/debian-security\/?$/.test(source.uri));
  const updates = debian.some((source) => source.suite.endsWith('-updates') && source.uri === archive.uri);
  return [
    aptLine(archive.uri, suite),
    ...(updates ? [aptLine(archive.uri, `${suite}-updates`)] : []),
    ...(security ? [aptLine(security.uri, `${suite}-security`)] : []),
  ];
}

/** A line of the one-line format for Debian's free packages. */
export function aptLine(uri: string, suite: string): string {
  return `deb ${uri} ${suite} main`;
}

// Others publish for Debian under Debian's suite names, too; their archives have other paths and other keys.
function isDebianArchive({ uri, suite, components, signedBy }: AptSource): boolean {
  return (
    /^(https?|file):\/\/[^\s'"\\[\]]+\/debian(-security)?\/?$/.test(uri) &&
    DEBIAN_SUITE.test(suite) &&
    components.includes('main') &&
    (signedBy === undefined || signedBy.includes('debian-archive-'))
  );
}
