import { z } from 'zod';
import { DEFAULT_HEARTBEAT_SECONDS } from './defaults';
import { hypervisorSchema } from './hypervisor';
import { NAME_PATTERN } from './names';

/** Domain that every entry of a fleet stands in. */
export const CAPABILITY_DOMAIN = 'railiance';

/** `capability_type` of build machines, and of the entry that defines the type. */
export const BUILD_AGENT_TYPE = 'haskell-build-agent';

/** Keyword that tells the type's own entry from the entries of machines. */
const TYPE_DEFINITION_KEYWORD = 'type-definition';

/** Heartbeats in a row that are missing when an entry is stale. */
const MISSED_HEARTBEATS = 3;

/** Seconds that the clocks of a hub and of this machine may differ. */
const CLOCK_TOLERANCE_SECONDS = 90;

const TITLE_PREFIX = 'Haskell Build Agent — ';
const GHC_VERSION = /^\d{1,3}(\.\d{1,3}){1,3}$/;
const PORT = /^[1-9]\d{0,4}$/;
const TOOL_VERSION = /^\d{1,9}(\.\d{1,9})+$/;
const MEBIBYTES = /^(\d{1,12})MiB$/;
const WORKSPACE = /^[A-Za-z0-9._+-]{1,255}$/;

const oneLine = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^\P{Cc}*$/u, 'must be one line without control characters');

const text = (max: number) =>
  z
    .string()
    .max(max)
    .regex(/^[\P{Cc}\t\n]*$/u, 'must not hold control characters');

/** What is sent to make an entry: the body of `POST /capability-catalog/`. Unknown keys are dropped. */
export const newCapabilitySchema = z.object({
  domain: oneLine(100),
  capability_type: oneLine(100),
  title: oneLine(200),
  description: text(4000).default(''),
  keywords: z.array(oneLine(200)).max(64).default([]),
});

/** A complete entry that has no id yet. */
export type NewCapability = z.output<typeof newCapabilitySchema>;

/** The body of `PATCH /capability-catalog/<id>`: the fields to change; `{}` is a bare heartbeat. */
export const capabilityPatchSchema = z.object({
  domain: oneLine(100).optional(),
  capability_type: oneLine(100).optional(),
  title: oneLine(200).optional(),
  description: text(4000).optional(),
  keywords: z.array(oneLine(200)).max(64).optional(),
});

/** Fields of an entry to change. */
export type CapabilityPatch = z.output<typeof capabilityPatchSchema>;

/** The id of an entry. Some hubs count, some make up strings; here it is always a string. */
export const capabilityIdSchema = z.union([z.string().min(1).max(200), z.number().int()]).transform(String);

/**
 * An entry as any hub gives it, buildfleet's or another: only the needed members are required, and others that are
 * missing or null are empty. `updated_at` is the last heartbeat where the hub keeps it.
 */
export const capabilitySchema = z.object({
  id: capabilityIdSchema,
  domain: z.string(),
  capability_type: z.string(),
  title: z.string(),
  description: z
    .string()
    .nullish()
    .transform((value) => value ?? ''),
  keywords: z
    .array(z.string())
    .nullish()
    .transform((value) => value ?? []),
  created_at: z
    .string()
    .nullish()
    .transform((value) => value ?? undefined),
  updated_at: z
    .string()
    .nullish()
    .transform((value) => value ?? undefined),
});

/** One entry of the capability catalog. */
export type Capability = z.output<typeof capabilitySchema>;

/** The body of `POST /progress/`. Unknown keys are dropped. */
export const progressNoteSchema = z.object({
  domain: oneLine(100).default(CAPABILITY_DOMAIN),
  event_type: oneLine(100).default('note'),
  summary: oneLine(500),
  detail: text(4000).default(''),
});

/** A progress note; only `summary` has to be given. */
export type ProgressNote = z.input<typeof progressNoteSchema>;

/** A progress note as it is kept. */
export type StoredProgressNote = z.output<typeof progressNoteSchema> & {
  readonly id: string;
  readonly created_at: string;
  /** Name of the VM that sent it, `haskell-build-alpha`, or its tunnel port; empty: the operator, or not known. */
  readonly author: string;
};

/** Title of the entry of one machine. `hostName` is `haskell-build-<vm>`. */
export function instanceTitle(hostName: string): string {
  return `${TITLE_PREFIX}${hostName}`;
}

/** Host name that a machine's title carries, or undefined when the title is no machine's. */
export function hostNameOfTitle(title: string): string | undefined {
  const name = title.startsWith(TITLE_PREFIX) ? title.slice(TITLE_PREFIX.length) : '';
  return NAME_PATTERN.test(name) ? name : undefined;
}

/**
 * Reads a machine's keywords, `haskell ghc ghc-<v>… build-agent cabal host:<name> tunnel-port:<port>`, in any order. A
 * fact that is absent, unreadable or given twice with different values is undefined; GHC versions that cannot be read are
 * left out, and the default is the first.
 */
export function parseInstanceKeywords(keywords: readonly string[]): {
  readonly ghcVersions: string[];
  readonly hostName: string | undefined;
  readonly tunnelPort: number | undefined;
} {
  const port = only(valuesOf(keywords, 'tunnel-port:').filter((value) => PORT.test(value) && isPort(Number(value))));
  return {
    ghcVersions: valuesOf(keywords, 'ghc-').filter((value) => GHC_VERSION.test(value)),
    hostName: only(valuesOf(keywords, 'host:').filter((value) => NAME_PATTERN.test(value))),
    tunnelPort: port === undefined ? undefined : Number(port),
  };
}

/** Facts in the description of a machine's entry. Undefined: absent, unknown, or unreadable. */
export interface ReportedFacts {
  /** The default first. Empty: none was found. */
  readonly ghcVersions: readonly string[] | undefined;
  /** The default first. Empty: none was found. */
  readonly cabalVersions: readonly string[] | undefined;
  readonly cpus: number | undefined;
  /** Memory of the machine. */
  readonly memoryMib: number | undefined;
  /** Memory that programs can still have. */
  readonly memoryFreeMib: number | undefined;
  /** Room on the disk of the workspaces. */
  readonly diskFreeMib: number | undefined;
  /** Load average of the last minute. */
  readonly load: number | undefined;
  readonly uptimeSeconds: number | undefined;
  /** Workspaces in which a build runs. */
  readonly builds: readonly string[] | undefined;
  /** Seconds that the clock of the machine is ahead of the hub's, negative for behind. */
  readonly clockAheadSeconds: number | undefined;
  /** Seconds between two heartbeats. */
  readonly heartbeatSeconds: number | undefined;
}

/**
 * Reads the facts that a machine's agent writes into its description as `name=value`; other text is ignored. A fact
 * given twice with different values counts as absent.
 */
export function parseInstanceFacts(description: string): ReportedFacts {
  const words = description.split(/\s+/);
  const read = <T>(name: string, parse: (value: string) => T | undefined): T | undefined => {
    const value = only(valuesOf(words, `${name}=`));
    return value === undefined ? undefined : parse(value);
  };
  return {
    ghcVersions: read('ghc', listOf(TOOL_VERSION)),
    cabalVersions: read('cabal', listOf(TOOL_VERSION)),
    cpus: read('cpus', amount(/^([1-9]\d{0,3})$/)),
    memoryMib: read('memory', amount(MEBIBYTES)),
    memoryFreeMib: read('memory-free', amount(MEBIBYTES)),
    diskFreeMib: read('disk-free', amount(MEBIBYTES)),
    load: read('load', amount(/^(\d{1,5}(?:\.\d{1,2})?)$/)),
    uptimeSeconds: read('uptime', amount(/^(\d{1,10})s$/)),
    builds: read('builds', listOf(WORKSPACE)),
    clockAheadSeconds: read('clock', amount(/^([+-]\d{1,12}(?:\.\d{1,3})?)s$/)),
    heartbeatSeconds: read('heartbeat', positive(amount(/^(\d{1,5}(?:\.\d{1,6})?)s$/))),
  };
}

/** The entry that defines the type: what a build machine is, and what it can be run with. */
export function typeEntry(): NewCapability {
  return {
    domain: CAPABILITY_DOMAIN,
    capability_type: BUILD_AGENT_TYPE,
    title: 'Haskell Build Agent (type definition)',
    description:
      'A virtual machine with GHC and cabal that compiles for a workstation. Each machine keeps an entry of its own ' +
      'with its GHC versions and the workstation port of its tunnel as keywords.',
    keywords: [
      'haskell',
      'ghc',
      'build-agent',
      'cabal',
      TYPE_DEFINITION_KEYWORD,
      ...hypervisorSchema.options.toReversed(),
      'sandbox',
    ],
  };
}

/** Whether the entry defines the type rather than describing a machine. */
export function isTypeEntry(entry: Pick<Capability, 'keywords'>): boolean {
  return entry.keywords.includes(TYPE_DEFINITION_KEYWORD);
}

/** Whether two entries say the same; the order of keywords carries no meaning. */
export function sameContent(one: NewCapability, other: NewCapability): boolean {
  const keywords = (entry: NewCapability) => JSON.stringify([...new Set(entry.keywords)].sort());
  return (
    one.domain === other.domain &&
    one.capability_type === other.capability_type &&
    one.title === other.title &&
    one.description === other.description &&
    keywords(one) === keywords(other)
  );
}

/** `unknown`: the hub keeps no time of change, it cannot be read, or it lies in the future. */
export type Freshness = 'fresh' | 'stale' | 'unknown';

/** Seconds since the entry was last written, or undefined where the hub does not say. */
export function heartbeatAgeSeconds(
  entry: Pick<Capability, 'updated_at' | 'created_at'>,
  now: Date,
): number | undefined {
  const stamp = entry.updated_at ?? entry.created_at;
  if (stamp === undefined) return undefined;
  // Hubs written in Python like to leave the zone off and mean UTC; Date would take local time.
  const zoned = /(?:[zZ]|[+-]\d{2}:?\d{2})$/.test(stamp) || !/[T ]/.test(stamp) ? stamp : `${stamp}Z`;
  const time = Date.parse(zoned.replace(' ', 'T'));
  return Number.isNaN(time) ? undefined : (now.getTime() - time) / 1000;
}

/** Seconds between two heartbeats of the machine behind an entry, as it says itself; else the default. */
export function heartbeatSecondsOf({ description = '' }: Partial<Pick<Capability, 'description'>>): number {
  return parseInstanceFacts(description).heartbeatSeconds ?? DEFAULT_HEARTBEAT_SECONDS;
}

/**
 * Whether the machine behind an entry still sends heartbeats: stale when three in a row are missing.
 *
 * @param heartbeatSeconds between two of them, where it is known from elsewhere than the entry
 */
export function freshness(
  entry: Pick<Capability, 'updated_at' | 'created_at'> & Partial<Pick<Capability, 'description'>>,
  now: Date,
  heartbeatSeconds = heartbeatSecondsOf(entry),
): Freshness {
  const age = heartbeatAgeSeconds(entry, now);
  if (age === undefined || age < -CLOCK_TOLERANCE_SECONDS) return 'unknown';
  return age > MISSED_HEARTBEATS * heartbeatSeconds ? 'stale' : 'fresh';
}

function valuesOf(keywords: readonly string[], prefix: string): string[] {
  const values = keywords.filter((word) => word.startsWith(prefix)).map((word) => word.slice(prefix.length));
  return [...new Set(values)];
}

/** Reads `a,b`, and `none` as empty; `unknown` is no list. */
function listOf(item: RegExp): (value: string) => readonly string[] | undefined {
  return (value) => {
    if (value === 'none') return [];
    if (value === 'unknown') return undefined;
    const items = value.split(',');
    return items.every((text) => item.test(text)) ? items : undefined;
  };
}

/** Reads the number that the first group of `pattern` matches. */
function amount(pattern: RegExp): (value: string) => number | undefined {
  return (value) => {
    const digits = pattern.exec(value)?.[1];
    return digits === undefined ? undefined : Number(digits);
  };
}

/** Reads a number above zero. */
function positive(parse: (value: string) => number | undefined): (value: string) => number | undefined {
  return (value) => {
    const number = parse(value);
    return number !== undefined && number > 0 ? number : undefined;
  };
}

function only<T>(values: readonly T[]): T | undefined {
  return values.length === 1 ? values[0] : undefined;
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= 65535;
}
