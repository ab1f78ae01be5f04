/** State of one object as Terraform stored it, from each shape that its type has had, the newest last. */
interface EarlierState {
  readonly version: number;
  /** The shape, by what made the next one differ. */
  readonly shape: string;
  readonly state: Readonly<Record<string, unknown>>;
}

const HASH = 'a'.repeat(64);

const identity = {
  vm_name: 'haskell-build-alpha',
  tunnel_public_key: 'ssh-ed25519 AAAAT',
  tunnel_fingerprint: 'SHA256:t',
  host_public_key: 'ssh-ed25519 AAAAH',
  host_fingerprint: 'SHA256:h',
};

const image = {
  name: 'haskell',
  definition_hash: HASH,
  definition_file: 'haskell/definition.json',
  status: 'present',
  artifact_path: `/home/me/.cache/buildfleet/images/${HASH}/disk.qcow2`,
  sha256: 'b'.repeat(64),
  size_bytes: 1234567,
};

const vm = {
  name: 'haskell-build-alpha',
  hypervisor: 'qemu',
  image_hash: HASH,
  image_path: `/home/me/.cache/buildfleet/images/${HASH}/disk.qcow2`,
  identity: { host_fingerprint: 'SHA256:h', tunnel_fingerprint: 'SHA256:t' },
  cpus: 2,
  memory_mib: 4096,
  mac: '52:54:00:12:34:56',
  tunnel_port: 12221,
  relay: { host: '10.0.2.2', port: 12220, user: 'me', host_public_key: 'ssh-ed25519 AAAAR' },
  hub: { url: 'http://127.0.0.1:8000', port: 8000, domain: 'haskell', capability_type: 'build-agent' },
  developer_public_keys: ['ssh-ed25519 AAAAD'],
  heartbeat_seconds: 30,
  ready_timeout_seconds: 600,
  power_state: 'running',
  seed: 'removed',
  id: '5bd7a3f0-0000-5000-8000-000000000001',
};
const drainedVm = {
  ...{ ...vm, network: 'bridged', bridge_adapter: 'eth0', drain_timeout_seconds: 60 },
  ...{ developer_key: '~/.ssh/id_build', problem: 'it did not become ready' },
};

const workstation = {
  sshd_port: 12220,
  hub_port: 8000,
  tunnel_ports: { first: 12221, last: 12319 },
  developers: ['~/.ssh/id_build.pub'],
  sshd: 'running',
  hub: 'running',
  configuration: 'intact',
  tunnel_account: 'me',
  sshd_host_public_key: 'ssh-ed25519 AAAAR',
  developer_public_keys: ['ssh-ed25519 AAAAD'],
  hub_url: 'http://127.0.0.1:8000',
};

const managedFile = { path: '~/.ssh/config', content: 'text', mode: '0600', block: 'fleet', expand_home: true };
const managedFiles = { directory: '~/catalog', files: { 'alpha.yml': 'text' }, mode: '0644', expand_home: false };
const capability = {
  ...{ hub_url: 'http://127.0.0.1:8000', domain: 'haskell', capability_type: 'build-agent', title: 'Build agent' },
  ...{ description: 'Text', keywords: ['haskell'], id: '7' },
};

/**
 * By resource type. A fleet may have been deployed by any of these shapes: entries are added, never changed. Until
 * shapes had versions, all of them were version 0.
 */
export const earlierStates: Readonly<Record<string, readonly EarlierState[]>> = {
  buildfleet_capability: [{ version: 0, shape: 'first', state: capability }],
  buildfleet_identity: [
    { version: 0, shape: 'first', state: identity },
    { version: 0, shape: 'with the state of the files', state: { ...identity, files: 'exposed' } },
    { version: 1, shape: 'with versions', state: { ...identity, files: 'exposed' } },
  ],
  buildfleet_image: [
    { version: 0, shape: 'first', state: image },
    { version: 0, shape: 'with appliances', state: { ...image, format: 'ova' } },
    { version: 1, shape: 'with versions', state: { ...image, format: 'ova' } },
  ],
  buildfleet_managed_file: [{ version: 0, shape: 'first', state: managedFile }],
  buildfleet_managed_files: [{ version: 0, shape: 'first', state: managedFiles }],
  buildfleet_vm: [
    { version: 0, shape: 'first', state: vm },
    { version: 0, shape: 'with networks, draining and problems', state: drainedVm },
    { version: 1, shape: 'with versions', state: drainedVm },
    { version: 1, shape: 'with user networks', state: { ...drainedVm, user_network: 'open' } },
    {
      version: 1,
      shape: 'with warm starts',
      state: { ...drainedVm, user_network: null, warm_start: false },
    },
  ],
  buildfleet_workstation: [
    { version: 0, shape: 'first', state: workstation },
    { version: 0, shape: 'with an address', state: { ...workstation, address: '192.168.1.10' } },
    {
      version: 0,
      shape: 'with days of the hub',
      state: { ...workstation, address: null, hub_expiry_days: 30 },
    },
  ],
  null_resource: [{ version: 0, shape: 'first', state: { triggers: { vm: 'alpha' }, id: '4711' } }],
};

/** What the upgrade adds to the first shape of a type. */
export const added: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  buildfleet_identity: { files: 'intact' },
  buildfleet_image: { format: 'qcow2' },
  buildfleet_vm: {
    ...{ network: 'nat', bridge_adapter: null, drain_timeout_seconds: 600 },
    ...{ developer_key: null, problem: '', user_network: null, warm_start: null },
  },
  buildfleet_workstation: { address: null, hub_expiry_days: null },
};
