import { z } from 'zod';
import { GUEST_HUB_PORT } from '../model/defaults';
import { FleetError } from '../model/errors';
import { nameSchema } from '../model/names';
import { describeIssues } from '../model/zod-issue';

/** Where the guest finds the State Hub: the near end of its forward tunnel. */
const GUEST_HUB_URL = `http://127.0.0.1:${GUEST_HUB_PORT}`;

/** File that the settings are written to; systemd reads it for both units. */
export const GUEST_ENVIRONMENT_PATH = '/etc/build-agent.env';

/** File that the tunnel's private key is written to. */
export const GUEST_TUNNEL_KEY_PATH = '/etc/buildfleet/tunnel_key';

const port = z.number().int().min(1).max(65535);
// What an address or account may hold is what neither systemd's quoting, ssh's options nor a YAML reader can misread.
const host = z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9.:-]{0,252}[A-Za-z0-9])?$/, 'must be a host name or an address');
const word = z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?$/, 'must be one word');
const account = z.string().regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,63}(@[A-Za-z0-9_.-]{1,63})?$/, 'must be an account name');

/** Shape of {@link GuestEnvironment}. */
const guestEnvironmentSchema = z.strictObject({
  hostName: nameSchema,
  hub: z.strictObject({ port, domain: word }),
  relay: z.strictObject({ host: z.union([host, z.literal('')]), port, user: account }),
  tunnelPort: port,
  heartbeatSeconds: z.number().int().min(1).max(86400),
});

/** What tunnel and agent of one machine have to know; nothing of it is secret. */
export interface GuestEnvironment {
  /** `haskell-build-alpha`: host name, and the name in the machine's hub entry. */
  readonly hostName: string;
  /** The hub's port on the workstation, and the domain of the machine's entry. */
  readonly hub: { readonly port: number; readonly domain: string };
  /** The sshd that the machine dials: address as seen from it. An empty host means that nothing is dialled. */
  readonly relay: { readonly host: string; readonly port: number; readonly user: string };
  /** Port on the workstation that leads to the machine's sshd. */
  readonly tunnelPort: number;
  readonly heartbeatSeconds: number;
}

/**
 * The text of {@link GUEST_ENVIRONMENT_PATH}, one `NAME="value"` per line.
 *
 * @throws FleetError naming the values that could be misread.
 */
export function renderGuestEnvironment(environment: GuestEnvironment): string {
  const { hostName, hub, relay, tunnelPort, heartbeatSeconds } = checked(environment);
  const values = {
    STATE_HUB_URL: GUEST_HUB_URL,
    STATE_HUB_DOMAIN: hub.domain,
    SSH_RELAY_HOST: relay.host,
    SSH_RELAY_USER: relay.user,
    SSH_KEY_PATH: GUEST_TUNNEL_KEY_PATH,
    REMOTE_PORT: tunnelPort,
    SSH_RELAY_PORT: relay.port,
    STATE_HUB_PORT: hub.port,
    HEARTBEAT_SECONDS: heartbeatSeconds,
    BUILD_HOST_NAME: hostName,
  };
  return Object.entries(values)
    .map(([name, value]) => `${name}="${value}"\n`)
    .join('');
}

function checked(environment: GuestEnvironment): GuestEnvironment {
  const result = guestEnvironmentSchema.safeParse(environment);
  if (result.success) return result.data;
  throw new FleetError({
    code: 'guest-environment',
    ...describeIssues(result.error, {
      input: environment,
      place: (path) => `the guest's setting ${path} cannot be written`,
    }),
    place: environment.hostName,
    remedy: 'correct the workstation or VM that it comes from',
  });
}
