import { readAsset } from './assets';

/** The Makefile that stands beside `fleet.json`. It names no VM: `VM` defaults to the alias of the fleet's default VM. */
export function renderMakefile(): string {
  return readAsset('fleet', 'Makefile');
}
