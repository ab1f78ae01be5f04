/* eslint-disable @typescript-eslint/no-require-imports -- a handler is loaded when Terraform first needs it: most
   starts of a provider only answer for schemas, and their speed decides how long a plan takes */
import { vmShape } from '../../model/resources/vm';
import { capabilityShape } from '../../model/resources/capability';
import { identityShape } from '../../model/resources/identity';
import { imageShape } from '../../model/resources/image';
import { managedFileShape } from '../../model/resources/managed-file';
import { managedFilesShape } from '../../model/resources/managed-files';
import { nullResourceShape } from '../../model/resources/null-resource';
import { workstationShape } from '../../model/resources/workstation';
import { type ResourceEntry, resource } from '../plugin/provider';
import type { ProviderSettings } from './settings';

/** Every resource of the `buildfleet` provider, one line each. */
export const resources: readonly ResourceEntry<ProviderSettings>[] = [
  // what `@cdktf/provider-null` describes, so that it needs no download
  resource(nullResourceShape, () => (require('./null-resource') as typeof import('./null-resource')).nullResource()),
  resource(workstationShape, (settings: ProviderSettings) =>
    (require('./workstation') as typeof import('./workstation')).workstationResource(settings),
  ),
  resource(identityShape, (settings: ProviderSettings) =>
    (require('./identity') as typeof import('./identity')).identityResource(settings),
  ),
  resource(managedFileShape, (settings: ProviderSettings) =>
    (require('./managed-file') as typeof import('./managed-file')).managedFileResource(settings),
  ),
  resource(managedFilesShape, (settings: ProviderSettings) =>
    (require('./managed-files') as typeof import('./managed-files')).managedFilesResource(settings),
  ),
  resource(capabilityShape, () => (require('./capability') as typeof import('./capability')).capabilityResource()),
  resource(imageShape, (settings: ProviderSettings) =>
    (require('./image') as typeof import('./image')).imageResource(settings),
  ),
  resource(vmShape, (settings: ProviderSettings) => (require('./vm') as typeof import('./vm')).vmResource(settings)),
];
