import { z } from 'zod';
import { imageFormatSchema } from '../hypervisor';
import { nameSchema, singleLineSchema } from '../names';
import { computed, defaulted, defineShape, observed, required, upgradeFrom } from '../resource-shape';

/** A disk image in the cache. */
export const imageShape = defineShape({
  type: 'buildfleet_image',
  label: 'name',
  description:
    'A disk image, built once per definition and kept in the cache that all fleets of an operator share. Destroying it leaves the cache alone.',
  importId: {
    doc: 'Definition hash of an image in the cache, the name of its directory in `images/`; with `.ova` for the appliance.',
    example: `${'0'.repeat(63)}1.ova`,
  },
  attributes: {
    name: required(nameSchema, 'Name of the image in the fleet.'),
    definitionHash: required(
      z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lowercase hexadecimal digits'),
      'sha256 of the definition. Another definition is another image.',
      { replaces: true },
    ),
    definitionFile: required(
      singleLineSchema,
      'The definition as JSON, relative to the directory of the stack; scripts and files lie beside it.',
    ),
    format: defaulted(
      imageFormatSchema,
      'qcow2',
      'File that is wanted: a disk for QEMU, or an appliance for VirtualBox.',
      { replaces: true },
    ),
    status: observed(
      z.enum(['present', 'missing', 'altered']),
      'present',
      'Whether the artifact is in the cache, with the content that was built.',
    ),
    artifactPath: computed(z.string(), 'Where the file lies on the workstation.', { stable: true }),
    sha256: computed(z.string(), 'sha256 of the file.', { stable: true }),
    sizeBytes: computed(z.number(), 'Size of the file.', { stable: true }),
  },
  upgrades: [
    // before there were appliances, every image was a disk
    upgradeFrom(z.looseObject({ format: z.string().nullish() }), (state) => ({
      ...state,
      format: state.format ?? 'qcow2',
    })),
  ],
});
