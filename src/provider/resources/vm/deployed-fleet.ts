import { readFileSync } from 'node:fs';
import { fleetSchema } from '../../../model/fleet';

/** The private key that opens the VMs of the deployed fleet; null where there is no `fleet.json` that says so. */
export function deployedDeveloperKey(fleetFile: string): string | null {
  try {
    return fleetSchema.parse(JSON.parse(readFileSync(fleetFile, 'utf8'))).workstation.developerKey;
  } catch {
    return null;
  }
}
