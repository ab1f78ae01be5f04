import { vmShape } from '../../model/resources/vm';
import { lazy } from '../../model/lazy';
import { capabilityShape } from '../../model/resources/capability';
import { identityShape } from '../../model/resources/identity';
import { imageShape } from '../../model/resources/image';
import { managedFileShape } from '../../model/resources/managed-file';
import { managedFilesShape } from '../../model/resources/managed-files';
import { nullResourceShape } from '../../model/resources/null-resource';
import { workstationShape } from '../../model/resources/workstation';
import { type ResourceEntry, resource } from '../plugin/provider';
import type { ProviderSettings } from './settings';

// A handler is loaded when Terraform first needs it: most starts of a provider only answer for schemas, and their speed
// decides how long a plan takes.
const nullResource = lazy<typeof import('./null-resource')>(() => require('./null-resource'));
const workstation = lazy<typeof import('./workstation')>(() => require('./workstation'));
const identity = lazy<typeof import('./identity')>(() => require('./identity'));
const managedFile = lazy<typeof import('./managed-file')>(() => require('./managed-file'));
const managedFiles = lazy<typeof import('./managed-files')>(() => require('./managed-files'));
const capability = lazy<typeof import('./capability')>(() => require('./capability'));
const image = lazy<typeof import('./image')>(() => require('./image'));
const vm = lazy<typeof import('./vm')>(() => require('./vm'));

/** Every resource of the `buildfleet` provider, one line each. */
export const resources: readonly ResourceEntry<ProviderSettings>[] = [
  // what `@cdktf/provider-null` describes, so that it needs no download
  resource(nullResourceShape, () => nullResource().nullResource()),
  resource(workstationShape, (settings: ProviderSettings) => workstation().workstationResource(settings)),
  resource(identityShape, (settings: ProviderSettings) => identity().identityResource(settings)),
  resource(managedFileShape, (settings: ProviderSettings) => managedFile().managedFileResource(settings)),
  resource(managedFilesShape, (settings: ProviderSettings) => managedFiles().managedFilesResource(settings)),
  resource(capabilityShape, (settings: ProviderSettings) =>
    capability().capabilityResource(capability().operatorsHub(settings)),
  ),
  resource(imageShape, (settings: ProviderSettings) => image().imageResource(settings)),
  resource(vmShape, (settings: ProviderSettings) => vm().vmResource(settings)),
];
