import { type Fleet, fleetSchema } from '../model/fleet';

/**
 * The text of `fleet.json`.
 *
 * @throws ZodError if the description is none
 */
export function renderFleetFile(fleet: Fleet): string {
  return `${JSON.stringify(fleetSchema.parse(fleet), null, 2)}\n`;
}
