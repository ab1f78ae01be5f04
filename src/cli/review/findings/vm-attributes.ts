import type { AttributeChange } from '../plan';
import { same } from '../plan';
import { arrow, shortHash } from '../words';
import type { Json } from '../rendered-stack';

/** How people call an attribute of a VM, or a member of one, and its unit. In Terraform's spelling. */
const LABELS: Readonly<Record<string, readonly [label: string, unit?: string]>> = {
  cpus: ['CPUs'],
  memory_mib: ['memory', 'MiB'],
  mac: ['MAC address'],
  bridge_adapter: ['bridge adapter'],
  user_network: ['what it reaches of the workstation from its next start on'],
  warm_start: ['whether it may be resumed from a snapshot when it is made'],
  tunnel_port: ['port'],
  heartbeat_seconds: ['heartbeat', 's'],
  ready_timeout_seconds: ['time to become ready', 's'],
  drain_timeout_seconds: ['time that builds have to end', 's'],
  developer_key: ['key by which a deploy asks for its builds'],
  'relay.host': ['address that it dials'],
  'relay.port': ['port that it dials'],
  'relay.user': ['account that it dials'],
  'relay.host_public_key': ['pinned key of the workstation'],
  'hub.url': ['address of the State Hub'],
  'hub.port': ['port of the State Hub'],
  'hub.domain': ['domain in the State Hub'],
  'hub.capability_type': ['type in the State Hub'],
};

/** Attributes of which a running VM learns nothing, by path. Everything else is hardware, or stands in its seed. */
const WITHOUT_RESTART: readonly string[] = [
  'user_network',
  'warm_start',
  'ready_timeout_seconds',
  'drain_timeout_seconds',
  'developer_key',
  'hub.url',
  'hub.capability_type',
];

/** Attributes whose change is known to need a restart; for one in neither list the review makes no statement. */
const WITH_RESTART: readonly string[] = [
  'cpus',
  'memory_mib',
  'mac',
  'network',
  'tunnel_port',
  'heartbeat_seconds',
  'developer_public_keys',
  'relay.host',
  'relay.port',
  'relay.user',
  'relay.host_public_key',
  'hub.port',
  'hub.domain',
];

/** Whether a running VM is restarted by a change of this attribute that does not replace it. */
export type Restart = 'yes' | 'no' | 'unknown';

/** What a deploy does to a running VM when these attributes change. */
export function restartFor(changes: readonly AttributeChange[]): Restart {
  const answers = changes.flatMap(partsOf).map((part) => {
    // without a name any adapter will do, also the one that it has
    if (part.path === 'bridge_adapter') return part.after === null ? 'no' : 'yes';
    if (WITH_RESTART.includes(part.path)) return 'yes';
    return WITHOUT_RESTART.includes(part.path) ? 'no' : 'unknown';
  });
  if (answers.includes('yes')) return 'yes';
  return answers.includes('unknown') ? 'unknown' : 'no';
}

/** What changes in a VM, each a part of a sentence. */
export function attributeTexts(changes: readonly AttributeChange[]): readonly string[] {
  return changes.flatMap(partsOf).flatMap(({ path, before, after, via }) => {
    if (path === 'developer_public_keys') return ['the keys of developers that may log in'];
    if (path === 'image_hash') return [`image ${arrow(shortHash(String(before)), shortHash(String(after)))}`];
    // the file moves with the image
    if (path === 'image_path')
      return changes.some(({ name }) => name === 'image_hash') ? [] : ['the file of its image'];
    if (path === 'identity' || path.startsWith('identity.')) return ['its keys are made anew'];
    const [label = path.replaceAll('_', ' '), unit] = LABELS[path] ?? [];
    if (via) return [`${label} follows what it refers to`];
    return [`${label} ${arrow(before, after, unit)}`];
  });
}

interface Part {
  readonly path: string;
  readonly before: unknown;
  readonly after: unknown;
  /** Whether the plan says the same and what it refers to changes. */
  readonly via: boolean;
}

/** An attribute, or its members where it is an object. */
function partsOf({ name, before, after, via }: AttributeChange): readonly Part[] {
  if (via.length > 0 || !isObject(before) || !isObject(after)) {
    return [{ path: name, before, after, via: via.length > 0 }];
  }
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return keys
    .filter((key) => !same(before[key], after[key]))
    .map((key) => ({ path: `${name}.${key}`, before: before[key] ?? null, after: after[key] ?? null, via: false }));
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
