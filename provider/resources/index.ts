/* eslint-disable @typescript-eslint/no-require-imports -- a handler is loaded when Terraform first needs it: most
   starts of a provider only answer for schemas, and their speed decides how long a plan takes */
import { type ResourceEntry, resource } from '../plugin/provider';
import { nullResourceShape } from '../../model/resources/null-resource';
import type { ProviderSettings } from './settings';

/** Served under the local name `null`, so that `@cdktf/provider-null` needs no download. */
export const nullResources: readonly ResourceEntry<unknown>[] = [
  resource(nullResourceShape, () => (require('./null-resource') as typeof import('./null-resource')).nullResource()),
];

/** Every resource of the `buildfleet` provider, one line each. */
export const resources: readonly ResourceEntry<ProviderSettings>[] = [];
