import { z } from 'zod';

/** What a deploy does to one object. */
const journalActionSchema = z.enum(['create', 'update', 'delete']);
export type JournalAction = z.infer<typeof journalActionSchema>;

/** How the work on one object ended. */
const journalOutcomeSchema = z.enum(['done', 'failed', 'cancelled']);
export type JournalOutcome = z.infer<typeof journalOutcomeSchema>;

/** How much of a step is done, of how much. */
const amountSchema = z.object({
  done: z.number().nonnegative(),
  total: z.number().positive(),
  unit: z.enum(['bytes', 'percent']),
});
export type Amount = z.infer<typeof amountSchema>;

const subject = {
  /** ISO 8601, UTC. */
  time: z.iso.datetime(),
  /** Tells the works on objects of the same name apart, such as the two of a replacement. */
  operation: z.string(),
  /** Terraform's resource type, `buildfleet_vm`. */
  type: z.string(),
  /** As people know the object: a VM's name, a file's path. Empty for a type of which a fleet has one. */
  name: z.string(),
  action: journalActionSchema,
};

/** One line of a journal: the work on an object begins, comes to another step or further in it, or ends. */
export const journalEventSchema = z.discriminatedUnion('event', [
  z.object({ event: z.literal('begin'), ...subject }),
  z.object({
    event: z.literal('step'),
    ...subject,
    /** `waiting for the tunnel` */
    step: z.string(),
    /** What the step's tool says. */
    detail: z.string().optional(),
    amount: amountSchema.optional(),
  }),
  z.object({
    event: z.literal('end'),
    ...subject,
    outcome: journalOutcomeSchema,
    seconds: z.number(),
    /** Of which Terraform shows the rest. */
    warnings: z.array(z.string()),
    /** What went wrong, in one line; Terraform shows all of it. */
    error: z.string().optional(),
  }),
]);
export type JournalEvent = z.infer<typeof journalEventSchema>;

/** Receives progress updates. Must be cheap to call, and never throws. */
export interface Progress {
  /** Another step begins, or the same one has something else to say. No secrets. */
  step(text: string, detail?: string): void;
  /** The step is so far. */
  amount(amount: Amount): void;
}

/** Environment variable by which the process that starts a deploy names its journal. */
export const RUN_VARIABLE = 'BUILDFLEET_RUN';
const RUN_PATTERN = /^[A-Za-z0-9-]{1,64}$/;

/** A run's name out of {@link RUN_VARIABLE}; undefined where there is none that can be part of a file name. */
export function runName(value: string | undefined): string | undefined {
  return value !== undefined && RUN_PATTERN.test(value) ? value : undefined;
}
