import { z } from 'zod';
import { DEFAULT_DRAIN_TIMEOUT_SECONDS, DEFAULT_HEARTBEAT_SECONDS, DEFAULT_READY_TIMEOUT_SECONDS } from '../defaults';
import { bridgeAdapterSchema, hypervisorSchema, networkKindSchema, userNetworkSchema } from '../hypervisor';
import { hubUrlSchema, nameSchema, singleLineSchema, workstationPathSchema } from '../names';
import { portSchema } from '../port';
import { computed, defaulted, defineShape, observed, optional, required, upgradeFrom } from '../resource-shape';

export const macSchema = z
  .string()
  .regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/, 'must be six lowercase hexadecimal pairs, 52:54:00:12:34:56')
  .refine((mac) => (parseInt(mac.slice(0, 2), 16) & 1) === 0, 'must not be a multicast address');

/** Without what came with VirtualBox and with draining, in states from before; with all of it in others. */
const version0 = z.looseObject({
  network: z.string().nullish(),
  drain_timeout_seconds: z.number().nullish(),
  problem: z.string().nullish(),
});

/** One build machine. */
export const vmShape = defineShape({
  type: 'buildfleet_vm',
  label: 'name',
  description:
    'A build VM: its overlay disk, hardware, seed and power. Ready means that its tunnel port answers with the pinned host key and that its entry is in the State Hub.',
  importId: {
    doc: 'Name of a VM in the state directory. Two VMs of one name are told apart by the record there.',
    example: 'haskell-build-alpha',
  },
  attributes: {
    name: required(nameSchema, 'Name of the VM, its host name and its first ssh alias.', { replaces: true }),
    hypervisor: required(hypervisorSchema, 'Driver that runs the VM.', { replaces: true }),
    imageHash: required(z.string(), 'Definition hash of the image. Another image is another VM.', { replaces: true }),
    imagePath: required(workstationPathSchema, 'Where the image lies on the workstation.'),
    identity: required(
      z.object({
        hostFingerprint: z.string().describe("SHA256 fingerprint of the VM's host key."),
        tunnelFingerprint: z.string().describe('SHA256 fingerprint of the tunnel key.'),
      }),
      "Fingerprints of the VM's key pairs. Other keys are another VM.",
      { replaces: true },
    ),
    cpus: required(z.number().int().min(1), 'Virtual CPUs.'),
    memoryMib: required(z.number().int().min(16), 'Memory in MiB.'),
    mac: required(macSchema, 'MAC address of the only network interface.'),
    network: defaulted(
      z.enum([...networkKindSchema.options, 'none']),
      'nat',
      'How the VM reaches others; `none` is what a VM without a usable interface shows.',
    ),
    bridgeAdapter: optional(
      bridgeAdapterSchema,
      'Adapter of the host that a bridged VM uses. Without it the first that is up, wired before wireless.',
    ),
    userNetwork: optional(
      userNetworkSchema,
      'What a QEMU VM reaches of the workstation from its next start on: the relay alone (`isolated`), or every service (`open`). Without it the relay alone.',
    ),
    warmStart: optional(
      z.boolean(),
      'Whether a new QEMU VM may be resumed from a snapshot of a machine that has booted its image, instead of booting. Without it, it may.',
    ),
    tunnelPort: required(portSchema, "Port on the workstation that leads to the VM's sshd."),
    relay: required(
      z.object({
        host: singleLineSchema.describe('Host name or address, as the VM reaches it.'),
        port: portSchema.describe('Port of the sshd.'),
        user: singleLineSchema.describe('Account that the VM logs in as.'),
        hostPublicKey: singleLineSchema.describe(
          'OpenSSH public key of the sshd, without which the VM does not log in.',
        ),
      }),
      'The sshd that the VM dials: address as seen from the VM, port, account, pinned host key.',
    ),
    hub: required(
      z.object({
        url: hubUrlSchema.describe('URL of the hub, as the workstation reaches it.'),
        port: portSchema.describe('Port on 127.0.0.1 of the workstation that the tunnel leads to.'),
        domain: singleLineSchema.describe('Domain of the entry.'),
        capabilityType: singleLineSchema.describe('Type of the entry.'),
      }),
      'The State Hub: URL on the workstation, its port, and the domain and type that the VM registers under.',
    ),
    developerPublicKeys: required(z.array(singleLineSchema), 'Public keys that may log in as `build`.'),
    heartbeatSeconds: defaulted(z.number().int().min(1), DEFAULT_HEARTBEAT_SECONDS, 'Seconds between two heartbeats.'),
    readyTimeoutSeconds: defaulted(
      z.number().int().min(1),
      DEFAULT_READY_TIMEOUT_SECONDS,
      'Seconds that the VM has to become ready.',
    ),
    drainTimeoutSeconds: defaulted(
      z.number().int().min(0),
      DEFAULT_DRAIN_TIMEOUT_SECONDS,
      'Seconds that running builds are waited for before the VM is stopped or deleted; it takes no new ones meanwhile. 0 waits for none.',
    ),
    developerKey: optional(
      workstationPathSchema,
      'Private key on the workstation by which the VM is asked what is built on it. Without it builds are not waited for.',
    ),
    powerState: observed(z.enum(['running', 'stopped', 'paused', 'crashed']), 'running', 'Power state.'),
    seed: observed(
      z.enum(['removed', 'attached']),
      'removed',
      'The seed holds private keys and goes once the VM is ready.',
    ),
    problem: observed(
      z.string(),
      '',
      'Why the VM did not become ready, or that its tunnel stays closed; empty when it is well. The VM is there, and the next deploy goes on with it.',
    ),
    id: computed(z.string(), 'UUID of the VM, given once.', { stable: true }),
  },
  upgrades: [
    upgradeFrom(version0, (state) => ({
      ...state,
      network: state.network ?? 'nat',
      drain_timeout_seconds: state.drain_timeout_seconds ?? 600,
      problem: state.problem ?? '',
    })),
  ],
});
