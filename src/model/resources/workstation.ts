import { z } from 'zod';
import { DEFAULT_DEVELOPER_KEY, DEFAULT_HUB_EXPIRY_DAYS } from '../defaults';
import { workstationPathSchema } from '../names';
import { portSchema } from '../port';
import { computed, defaulted, defineShape, observed, optional, required } from '../resource-shape';

/** Address of one other machine: no network, broadcast, multicast or loopback address. */
export const ipv4Schema = z
  .ipv4('must be an IPv4 address such as 192.168.1.10')
  .refine(
    (address) => !/^(0|127|22[4-9]|2[3-5][0-9])\./.test(address),
    'must be an address that other machines can reach',
  );

const serviceState = z.enum(['running', 'dead']);

/** What the tunnels end at: the private sshd and the embedded hub. */
export const workstationShape = defineShape({
  type: 'buildfleet_workstation',
  description:
    "The private sshd that tunnels end at and the embedded State Hub, both kept running after the deploy: by the operator's systemd manager where one answers, else by a supervisor of their own.",
  importId: { doc: 'Anything: a state directory has one workstation.', example: 'workstation' },
  attributes: {
    address: optional(
      ipv4Schema,
      'Address of this machine at which bridged VMs find it; the private sshd then listens there, too.',
    ),
    sshdPort: required(portSchema, 'Port of the private sshd on 127.0.0.1.'),
    hubPort: required(portSchema, 'Port of the embedded State Hub on 127.0.0.1.'),
    hubExpiryDays: optional(
      z.number().int().min(1),
      `Days without a heartbeat after which the embedded State Hub forgets a machine. Without it ${DEFAULT_HUB_EXPIRY_DAYS}.`,
    ),
    tunnelPorts: required(
      z.object({
        first: portSchema.describe('The lowest port.'),
        last: portSchema.describe('The highest port.'),
      }),
      'Range of ports that VMs may listen on through their tunnels, both ends included.',
    ),
    developers: defaulted(
      z.array(workstationPathSchema),
      [DEFAULT_DEVELOPER_KEY],
      'Files with the public keys that open the VMs. The first one is created, with its private key, if it is absent.',
    ),
    sshd: observed(serviceState, 'running', 'Whether the private sshd answers.'),
    hub: observed(serviceState, 'running', 'Whether the embedded hub answers.'),
    configuration: observed(
      z.enum(['intact', 'altered', 'outdated']),
      'intact',
      "Whether the files of both services and the developers' keys are as they were made; `outdated` if the fleet's output holds a newer hub or supervisor, or if something else would keep them running now.",
    ),
    tunnelAccount: computed(z.string(), 'Account that VMs log in as: the operator who deployed.', { stable: true }),
    sshdHostPublicKey: computed(z.string(), 'OpenSSH public key of the private sshd.', { stable: true }),
    developerPublicKeys: computed(z.array(z.string()), 'Public keys found in `developers`.'),
    hubUrl: computed(z.string(), 'URL of the embedded hub on the workstation.'),
  },
});
