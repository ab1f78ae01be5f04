import { nameSchema, workstationPathSchema } from '../../model/names';
import { optional, required } from '../../model/resource-shape';
import type { ProviderConfig } from '../plugin/provider';

/** What the `provider "buildfleet"` block may say. */
export const providerAttributes = {
  fleet: required(nameSchema, 'Name of the fleet, which tags everything it owns.'),
  stateDirectory: optional(workstationPathSchema, 'Directory for keys, disks and services of this fleet.'),
  cacheDirectory: optional(workstationPathSchema, 'Directory for images, shared by all fleets of this user.'),
};

/** What every handler is built from. An attribute that the provider block leaves out is null. */
export type ProviderSettings = ProviderConfig<typeof providerAttributes>;
