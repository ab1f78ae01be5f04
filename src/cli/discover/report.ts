import { z } from 'zod';

/** One entry of the hub in `buildfleet discover --json`. */
const discoveredSchema = z.strictObject({
  id: z.string(),
  kind: z.enum(['type', 'instance']).describe('type: the entry defines the capability type'),
  capabilityType: z.string(),
  domain: z.string(),
  title: z.string(),
  description: z.string(),
  keywords: z.array(z.string()),
  ageSeconds: z.number().nullable().describe('since it was last written; null when the hub does not say'),
});

/** The document that `buildfleet discover --json` prints; docs/reference/discover.schema.json is made of it. */
export const discoveryReportSchema = z
  .strictObject({
    formatVersion: z.literal(1),
    hub: z.string().describe('its URL'),
    type: z.string().nullable().describe('what --type said'),
    domain: z.string().nullable().describe('what --domain said'),
    entries: z.array(discoveredSchema).describe('by type, domain, kind and title'),
    malformed: z.number().int().describe('entries of the hub that cannot be read'),
  })
  .describe('What `buildfleet discover --json` prints.');

export type Discovered = z.infer<typeof discoveredSchema>;
export type DiscoveryReport = z.infer<typeof discoveryReportSchema>;
