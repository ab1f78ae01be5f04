import { z } from 'zod';
import { computed, defaulted, defineShape, optional } from '../resource-shape';

const texts = z.record(z.string(), z.string().nullable());

/** The contract of `hashicorp/null`'s data source. */
export const nullDataSourceShape = defineShape({
  type: 'null_data_source',
  description: "Copies `inputs` to `outputs`. Terraform's own locals do the same without a provider.",
  attributes: {
    inputs: optional(texts, 'Arbitrary values by name.'),
    hasComputedDefault: defaulted(z.string(), 'default', 'Answered as it is given.'),
    outputs: computed(texts, 'What `inputs` says.'),
    random: computed(z.string(), 'Random number, another one at every read.'),
    id: computed(z.string(), 'Always `static`.'),
  },
});
