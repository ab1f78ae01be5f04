import { z } from 'zod';
import { computed, defineShape, optional } from '../resource-shape';

/** The contract of `hashicorp/null`'s resource. */
export const nullResourceShape = defineShape({
  type: 'null_resource',
  description:
    'Manages nothing. Its provisioners run when it is created, and it is created anew when `triggers` change.',
  importId: { doc: 'Anything: it becomes the `id`.', example: '1234567890' },
  attributes: {
    triggers: optional(
      z.record(z.string(), z.string().nullable()),
      'Arbitrary values; a change of any replaces the resource.',
      {
        replaces: true,
      },
    ),
    id: computed(z.string(), 'Random number, made when the resource is created.', { stable: true }),
  },
});
