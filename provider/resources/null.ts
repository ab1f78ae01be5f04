/* eslint-disable @typescript-eslint/no-require-imports -- see index.ts */
import { nullResourceShape } from '../../model/resources/null-resource';
import { type ResourceEntry, resource } from '../plugin/provider';

/** What `@cdktf/provider-null` describes, so that it needs no download. */
export const nullResources: readonly ResourceEntry<unknown>[] = [
  resource(nullResourceShape, () => (require('./null-resource') as typeof import('./null-resource')).nullResource()),
];
