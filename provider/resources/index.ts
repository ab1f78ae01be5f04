/* eslint-disable @typescript-eslint/no-require-imports -- a handler is loaded when Terraform first needs it: most
   starts of a provider only answer for schemas, and their speed decides how long a plan takes */
import { vmShape } from '../../model/resources/vm';
import { type ResourceEntry, resource } from '../plugin/provider';
import { nullResources } from './null';
import type { ProviderSettings } from './settings';

/** Every resource of the `buildfleet` provider, one line each. */
export const resources: readonly ResourceEntry<ProviderSettings>[] = [
  ...nullResources,
  resource(vmShape, (settings: ProviderSettings) => (require('./vm') as typeof import('./vm')).vmResource(settings)),
];
