import { z } from 'zod';
import { BUILD_AGENT_TYPE, CAPABILITY_DOMAIN } from '../capability';
import { DEFAULT_HUB_PORT, embeddedHubUrl } from '../defaults';
import { hubUrlSchema, singleLineSchema } from '../names';
import { computed, defineShape, required } from '../resource-shape';

/** One entry of the State Hub's capability catalog that the fleet itself owns. */
export const capabilityShape = defineShape({
  type: 'buildfleet_capability',
  label: 'title',
  description: "The capability type's own entry in the State Hub. The VMs keep their entries themselves.",
  importId: {
    doc: "URL of the hub, domain, type and title, with a space between each: the entry's `id` is the hub's affair.",
    example: `${embeddedHubUrl(DEFAULT_HUB_PORT)} ${CAPABILITY_DOMAIN} ${BUILD_AGENT_TYPE} Haskell build agents`,
  },
  attributes: {
    hubUrl: required(hubUrlSchema, 'URL of the State Hub.'),
    domain: required(singleLineSchema, 'Domain of the entry.', { replaces: true }),
    capabilityType: required(singleLineSchema, 'Type of the entry.', { replaces: true }),
    title: required(singleLineSchema, 'Title, unique within domain and type.', { replaces: true }),
    description: required(z.string(), 'Description shown by the hub.'),
    keywords: required(z.array(singleLineSchema), 'Keywords, in order.'),
    id: computed(z.string(), 'Id that the hub gave.', { stable: true }),
  },
});
