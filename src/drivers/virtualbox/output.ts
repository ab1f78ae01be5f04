import { win32 } from 'node:path';

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
  /** Null when VirtualBox says it in a language that is not known here. */
  readonly isWireless: boolean | null;
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

/** `list vms`, which reads the same in every language. Names are printed as they are, quotes and braces included; lines before the list are skipped. */
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
 *
 * @returns undefined for a list in another language, which has other labels
 */
export function parseLongVmList(text: string): ShownVm[] | undefined {
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
  return shown.size === 0 && new RegExp(UUID).test(text) ? undefined : [...shown.values()];
}

/**
 * `list bridgedifs`. Names hold spaces, colons and brackets: `en0: Wi-Fi (AirPort)`. Labels and words may be in another
 * language, all but the last label of an adapter, which stands behind `Wireless` and `Status`.
 */
export function parseBridgedAdapters(text: string): HostAdapter[] {
  return paragraphs(text).flatMap((lines) => {
    const last = lines.findIndex(({ label }) => label === 'VBoxNetworkName');
    const [name] = /(?<=^HostInterfaceNetworking-).*/.exec(lines[last]?.value ?? '') ?? [];
    if (name === undefined) return [];
    const [wireless, status] = [lines[last - 2]?.value, lines[last - 1]?.value];
    const address = lines.find(({ label }) => label === 'IPAddress')?.value ?? '';
    const hasAddress = address !== '0.0.0.0' && address !== '';
    return {
      name,
      isUp: status === 'Up' || (status !== 'Down' && hasAddress),
      isWireless: wireless === 'Yes' ? true : wireless === 'No' ? false : null,
      hasAddress,
    };
  });
}

/** `list hdds` and `list dvds`: UUID, then that of the parent, later the location, with labels in any language. */
export function parseMedia(text: string): Medium[] {
  const isUuid = (value: string | undefined) => value !== undefined && new RegExp(`^${UUID}$`).test(value);
  return paragraphs(text).flatMap((lines) => {
    const values = lines.map(({ value }) => value);
    const first = values.findIndex(isUuid);
    const [uuid, parent, ...others] = first === -1 ? [] : values.slice(first);
    // what is absolute elsewhere is so on Windows, too
    const location = others.find((value) => win32.isAbsolute(value));
    if (uuid === undefined || location === undefined) return [];
    return { uuid, parentUuid: isUuid(parent) ? (parent ?? null) : null, location };
  });
}

/** `Label: value` lines, separated by empty lines. */
function paragraphs(text: string): { readonly label: string; readonly value: string }[][] {
  return text
    .replaceAll('\r\n', '\n')
    .split(/\n{2,}/)
    .map((paragraph) =>
      Array.from(paragraph.matchAll(/^([^\s:][^:\n]*): *(.*)$/gm), ([, label = '', value = '']) => ({ label, value })),
    );
}

/** `--version`: `7.2.22_Debianr175245` is 7.2.22. Undefined for anything else. */
export function parseVersion(text: string): readonly [number, number, number] | undefined {
  const [, major, minor, patch] = /^(\d+)\.(\d+)\.(\d+)/m.exec(text) ?? [];
  return major === undefined ? undefined : [Number(major), Number(minor), Number(patch)];
}
