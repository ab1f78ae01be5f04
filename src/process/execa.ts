import { lazy } from '../model/lazy';

/**
 * The library that starts programs, loaded with the first one: a plan starts none, and loading takes longer than the
 * rest of the provider does.
 */
export const execaLibrary = lazy<typeof import('execa')>(() => require('execa'));
