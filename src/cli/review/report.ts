import { z } from 'zod';

/**
 * Subjects of findings, in the order in which reviewers read: irreversible changes, interruptions, access, and then the
 * rest.
 */
export const CATEGORIES = [
  'fleet-removed',
  'state-moved',
  'fleet-added',
  'image-rebuilt',
  'vm-destroyed',
  'vm-replaced',
  'access',
  'vm-restarted',
  'workstation',
  'vm-created',
  'tunnel-key',
  'vm-updated',
  'keys',
  'image-added',
  'image-converted',
  'image-removed',
  'port-taken',
  'port-moved',
  'port-freed',
  'port-reserved',
  'default-vm',
  'host',
  'provider',
  'capability',
  'resource',
  'tunnel',
  'ssh-config',
  'smoke-test',
  'file',
  'settings',
] as const;

const categorySchema = z.enum(CATEGORIES);

/** One thing that a change does. */
export const findingSchema = z.strictObject({
  category: categorySchema,
  /** What it is about: id of a VM or image, number of a port, Terraform address or path of anything else. */
  subject: z.string(),
  /**
   * `loss`: a disk goes, or something is no longer looked after. `interruption`: something that runs is restarted.
   * `change`: anything else that a deploy does.
   */
  effect: z.enum(['loss', 'interruption', 'change']),
  sentence: z.string(),
  /** Why, or what in it; each a part of a sentence. */
  details: z.array(z.string()),
});

/** A rendered file that differs and that no deploy applies. */
const textChangeSchema = z.strictObject({
  /** Below the directory of the stack, or below `rendered/` where no stack has it. */
  path: z.string(),
  /** Why it has no effect, where that is known. */
  remark: z.string().nullable(),
});

/** One fleet. */
const stackReviewSchema = z.strictObject({
  name: z.string(),
  state: z.enum(['added', 'removed', 'changed', 'text-only', 'unchanged']),
  /** `1 image is rebuilt, 2 VMs are replaced` */
  summary: z.string(),
  /** By weight, the heaviest first. */
  findings: z.array(findingSchema),
  textChanges: z.array(textChangeSchema),
});

/** One side of the comparison; both null for the working tree. */
const sideSchema = z.strictObject({ revision: z.string().nullable(), commit: z.string().nullable() });

/** The document that `buildfleet review --json` prints. */
export const reviewSchema = z.strictObject({
  formatVersion: z.literal(1),
  base: sideSchema,
  target: sideSchema,
  /** The compared directory, relative to the top of the repository. */
  directory: z.string(),
  /** One line: `fleet: 1 image is rebuilt, 2 VMs are replaced` */
  summary: z.string(),
  stacks: z.array(stackReviewSchema),
  /** Of files that belong to no stack. */
  textChanges: z.array(textChangeSchema),
});

export type Review = z.infer<typeof reviewSchema>;
export type StackReview = z.infer<typeof stackReviewSchema>;
export type Finding = z.infer<typeof findingSchema>;
export type Category = z.infer<typeof categorySchema>;
export type TextChange = z.infer<typeof textChangeSchema>;
export type Side = z.infer<typeof sideSchema>;
