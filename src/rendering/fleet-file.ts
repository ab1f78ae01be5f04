import { type FleetFile, fleetSchema } from '../model/fleet';

/**
 * The text of `fleet.json`.
 *
 * @throws ZodError if the description is none
 */
export function renderFleetFile(fleet: FleetFile): string {
  return `${JSON.stringify(fleetSchema.parse(fleet), null, 2)}\n`;
}
