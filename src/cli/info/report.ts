import { z } from 'zod';
import { imageSchema } from '../status/report';

/** The document that `buildfleet info --json` prints; docs/reference/info.schema.json is made of it. */
export const vmInfoSchema = z
  .strictObject({
    formatVersion: z.literal(1),
    id: z.string(),
    name: z.string(),
    aliases: z.array(z.string()),
    host: z.string(),
    hypervisor: z.string(),
    system: z.string().nullable().describe('of /etc/os-release'),
    kernel: z.string().nullable(),
    architecture: z.string().nullable(),
    ghcVersion: z.string().nullable().describe('what `ghc` is'),
    ghcVersions: z.array(z.string()).describe('all of them'),
    cabalVersion: z.string().nullable(),
    cores: z.number().nullable(),
    memoryMib: z.number().nullable(),
    memoryFreeMib: z.number().nullable(),
    diskMib: z.number().nullable().describe('of the file system of /build'),
    diskFreeMib: z.number().nullable(),
    load: z.number().nullable(),
    uptimeSeconds: z.number().nullable(),
    image: imageSchema,
    ports: z.strictObject({
      tunnel: z.number().int().describe("on the workstation; leads to the VM's sshd"),
    }),
    login: z.strictObject({
      command: z.string(),
      user: z.string().nullable(),
      key: z.string().describe('private key on the workstation that the VM lets in'),
    }),
  })
  .describe('What `buildfleet info --json` prints; null is what the VM could not say.');

export type VmInfo = z.infer<typeof vmInfoSchema>;
