import { z } from 'zod';

/** One workspace, as the documents have it. */
const workspaceSchema = z.strictObject({
  vm: z.string().describe('name of the VM'),
  workspace: z.string().describe('name of the directory below /build'),
  project: z.string().nullable().describe('path of the project on its workstation; null where no command has told it'),
  user: z.string().describe('who used it last'),
  bytes: z.number().int(),
  lastUsed: z.iso.datetime().describe("by the VM's clock"),
  inUse: z.boolean(),
});

/** The document that `buildfleet workspaces list --json` prints. */
export const workspaceListSchema = z
  .strictObject({
    formatVersion: z.literal(1),
    workspaces: z.array(workspaceSchema).describe('the one used last first'),
    notAsked: z.array(z.strictObject({ vm: z.string(), reason: z.string() })).describe('VMs that do not answer'),
  })
  .describe('What `buildfleet workspaces list --json` prints.');

/** The document that `buildfleet workspaces rm --json` prints. */
export const workspaceRemovalSchema = z
  .strictObject({
    formatVersion: z.literal(1),
    removed: z.array(z.strictObject({ vm: z.string(), workspace: z.string() })),
  })
  .describe('What `buildfleet workspaces rm --json` prints.');

export type WorkspaceEntry = z.infer<typeof workspaceSchema>;
export type WorkspaceList = z.infer<typeof workspaceListSchema>;
export type WorkspaceRemoval = z.infer<typeof workspaceRemovalSchema>;
