import { parseFailure } from '../../../model/zod-issue';
import { FleetError } from '../../../model/errors';
import { type ResourceShape, schemaVersion, type StoredState } from '../../../model/resource-shape';
import { toSnakeCase } from '../../../model/wire-names';
import type { ObjectSchema, WireObject } from './object-schema';

/**
 * State of any version as state of today's shape.
 *
 * @param json what Terraform stored
 * @throws FleetError `state-newer` for a version that this shape does not know, `state-not-upgradable` for a state that
 * is not of the version it is said to be
 */
export function upgradeState(
  shape: ResourceShape,
  schema: ObjectSchema,
  version: number,
  json: Uint8Array | undefined,
): WireObject {
  const known = schemaVersion(shape);
  const stored = json ? (JSON.parse(Buffer.from(json).toString('utf8')) as StoredState) : {};
  const label = shape.label === undefined ? undefined : stored[toSnakeCase(shape.label)];
  const place = typeof label === 'string' ? `${shape.type} ${label}` : shape.type;
  if (version > known) {
    throw new FleetError({
      code: 'state-newer',
      problem: `a newer buildfleet has written this state: it has schema version ${version}, and this one knows ${known}`,
      place,
      remedy: 'use the newer buildfleet, or restore a state from before it',
    });
  }
  try {
    return schema.fromStored((shape.upgrades ?? []).slice(version).reduce((state, step) => step(state), stored));
  } catch (cause) {
    throw new FleetError({
      code: 'state-not-upgradable',
      problem: `the state does not fit its schema version ${version}: ${parseFailure(cause)}`,
      place,
      remedy: "restore the state from Terraform's backup, or import the object anew",
      cause,
    });
  }
}
