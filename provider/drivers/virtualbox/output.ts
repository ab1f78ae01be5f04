/** A VM as `list vms` names it. */
export interface ListedVm {
  readonly uuid: string;
  /** Null for a VM whose settings cannot be read. */
  readonly name: string | null;
}

/** A VM as `list -l vms` shows it. */
export interface ShownVm {
  readonly uuid: string;
  readonly name: string | null;
  readonly configFile: string;
  /** As in `VMState` of the machine-readable form; null for one that cannot be read or is not known here. */
  readonly state: string | null;
}

/** A network adapter of the host. */
export interface HostAdapter {
  readonly name: string;
  readonly isUp: boolean;
  readonly isWireless: boolean;
  readonly hasAddress: boolean;
}

/** A medium that VirtualBox knows. */
export interface Medium {
  readonly uuid: string;
  /** Null for a medium that is no child of another. */
  readonly parentUuid: string | null;
  readonly location: string;
}

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';

/** `list vms`. Names are printed as they are, quotes and braces included; whatever stands before the list is skipped. */
export function parseVmList(text: string): ListedVm[] {
  const vms: ListedVm[] = [];
  for (const [, name = '', uuid = ''] of text.matchAll(new RegExp(`^"(.*)" \\{(${UUID})\\}\r?$`, 'gm'))) {
    vms.push({ uuid, name: name === '<inaccessible>' ? null : name });
  }
  return vms;
}

/**
 * `showvminfo --machinereadable`. Strings are quoted, with a backslash before quotes and backslashes, and may hold raw
 * newlines, so that a description can look like settings: text is read token by token, and the first of a key counts.
 */
export function parseMachineReadable(text: string): Map<string, string> {
  const found = new Map<string, string>();
  const lines = /^(?:"((?:[^"\\]|\\[^])*)"|([^="\r\n]+))=(?:"((?:[^"\\]|\\[^])*)"|([^\r\n]*))/;
  for (let rest = text; rest !== '';) {
    const match = lines.exec(rest);
    if (match) {
      const key = match[2] ?? unescapeQuoted(match[1] ?? '');
      const value = match[4] ?? unescapeQuoted(match[3] ?? '');
      if (!found.has(key)) found.set(key, value.replaceAll('\r\n', '\n'));
      rest = rest.slice(match[0].length);
    }
    const end = rest.indexOf('\n');
    rest = end === -1 ? '' : rest.slice(end + 1);
  }
  return found;
}

function unescapeQuoted(text: string): string {
  return text.replace(/\\(["\\])/g, '$1');
}

/** How `list -l vms` spells states, as opposed to `VMState`. */
const STATES: Readonly<Record<string, string>> = {
  'powered off': 'poweroff',
  saved: 'saved',
  teleported: 'teleported',
  aborted: 'aborted',
  'aborted-saved': 'aborted-saved',
  running: 'running',
  paused: 'paused',
  'guru meditation': 'gurumeditation',
  starting: 'starting',
  stopping: 'stopping',
  saving: 'saving',
  restoring: 'restoring',
  'setting up': 'settingup',
};

/**
 * `list -l vms`: identity, settings file and state of each VM. A description is printed raw and last, so that one can
 * look like another VM: a UUID that shows up twice is answered with a null state, to be asked for alone.
 */
export function parseLongVmList(text: string): ShownVm[] {
  const shown = new Map<string, ShownVm>();
  for (const block of text.replaceAll('\r\n', '\n').split(/^(?=Name: {2,})/m)) {
    const field = (label: string) => new RegExp(`^${label}: +(.*)$`, 'm').exec(block)?.[1];
    const [name, uuid, configFile] = [field('Name'), field('UUID'), field('Config file')];
    if (name === undefined || uuid === undefined || !new RegExp(`^${UUID}$`).test(uuid)) continue;
    const word = /^State: +(.*?)(?: \(since .*)?$/m.exec(block)?.[1];
    const state = shown.has(uuid) ? null : (STATES[word ?? ''] ?? null);
    const first = shown.get(uuid) ?? {
      uuid,
      name: name === '<inaccessible!>' ? null : name,
      configFile: configFile ?? '',
    };
    shown.set(uuid, { ...first, state });
  }
  return [...shown.values()];
}

/** `list bridgedifs`. Names hold spaces, colons and brackets: `en0: Wi-Fi (AirPort)`. */
export function parseBridgedAdapters(text: string): HostAdapter[] {
  return paragraphs(text).flatMap((fields) => {
    const name = fields.get('Name');
    if (name === undefined || !fields.has('VBoxNetworkName')) return [];
    const address = fields.get('IPAddress') ?? '0.0.0.0';
    return {
      name,
      isUp: fields.get('Status') === 'Up',
      isWireless: fields.get('Wireless') === 'Yes',
      hasAddress: address !== '0.0.0.0' && address !== '',
    };
  });
}

/** `list hdds` and `list dvds`. */
export function parseMedia(text: string): Medium[] {
  return paragraphs(text).flatMap((fields) => {
    const [uuid, location] = [fields.get('UUID'), fields.get('Location')];
    if (uuid === undefined || location === undefined) return [];
    const parent = fields.get('Parent UUID') ?? 'base';
    return { uuid, parentUuid: new RegExp(`^${UUID}$`).test(parent) ? parent : null, location };
  });
}

/** `Label: value` lines, separated by empty lines; the first of a label counts. */
function paragraphs(text: string): Map<string, string>[] {
  return text
    .replaceAll('\r\n', '\n')
    .split(/\n{2,}/)
    .map((paragraph) => {
      const fields = new Map<string, string>();
      for (const [, label = '', value = ''] of paragraph.matchAll(/^([A-Za-z][\w ]*?): *(.*)$/gm)) {
        if (!fields.has(label)) fields.set(label, value);
      }
      return fields;
    });
}

/** `--version`: `7.2.22_Debianr175245` is 7.2.22. Undefined for anything else. */
export function parseVersion(text: string): readonly [number, number, number] | undefined {
  const [, major, minor, patch] = /^(\d+)\.(\d+)\.(\d+)/m.exec(text) ?? [];
  return major === undefined ? undefined : [Number(major), Number(minor), Number(patch)];
}
