import type { z } from 'zod';
import { quote } from './errors';

/** Options of an issue's sentence. */
export interface IssueContext {
  /** What was checked. Without it no value is shown. */
  readonly input?: unknown;
  /** Whether the value at this path, and what it holds, must not be shown. Default: nothing is secret. */
  readonly isSecret?: (path: readonly PropertyKey[]) => boolean;
  /** Words for the place, from `relay.port`, or an empty path for the whole. Default: the path, or `document`. */
  readonly place?: (path: string) => string;
}

/** What is wrong, and the value that it is about where that can be shown: parts of a FleetError. */
export interface DescribedIssue {
  readonly problem: string;
  readonly value?: unknown;
}

/** A list is cut after as many issues: a file of another version has one in each line. */
const MOST_ISSUES = 10;
const MOST_CHARACTERS = 200;

/** The sentence on one issue: `relay.port: too small: expected number to be >=1`. */
export function describeIssue(issue: z.core.$ZodIssue, context: IssueContext = {}): DescribedIssue {
  const path = issue.path.map(String).join('.');
  return {
    problem: `${context.place?.(path) ?? (path || 'document')}: ${lowercaseSentence(issue.message)}`,
    ...received(issue, context),
  };
}

/** All issues in one sentence. Of one issue the value stands apart, of several each stands beside its issue. */
export function describeIssues({ issues }: z.core.$ZodError, context: IssueContext = {}): DescribedIssue {
  const described = issues.map((issue) => describeIssue(issue, context));
  const [only, ...others] = described;
  if (only !== undefined && others.length === 0) return only;
  const sentences = described
    .slice(0, MOST_ISSUES)
    .map((one) => ('value' in one ? `${one.problem} (received ${quote(one.value)})` : one.problem));
  const more = issues.length - sentences.length;
  return { problem: [...sentences, ...(more > 0 ? [`and ${more} more`] : [])].join('; ') };
}

/** Why `schema.parse(JSON.parse(text))` threw: what is wrong, in one line. */
export function parseFailure(cause: unknown): string {
  if (isZodError(cause)) return describeIssues(cause).problem;
  return cause instanceof Error ? (cause.message.split('\n', 1)[0] ?? '') : String(cause);
}

/** Without zod itself, which takes longer to load than a short command takes. */
function isZodError(cause: unknown): cause is z.core.$ZodError {
  return cause instanceof Error && cause.name === 'ZodError' && 'issues' in cause;
}

/** A message as part of a sentence: begins lowercase, ends without a period. */
export function lowercaseSentence(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1).replace(/\.$/, '');
}

/** An object says less than its name, and may hold what is secret. */
function received(issue: z.core.$ZodIssue, { input, isSecret }: IssueContext): Pick<DescribedIssue, 'value'> {
  if (input === undefined || isSecret?.(issue.path) === true) return {};
  const value = issue.path.reduce<unknown>(
    (parent, key) => (parent as Readonly<Record<PropertyKey, unknown>> | null | undefined)?.[key],
    input,
  );
  // the message names the received type, and these two values are no more than their type
  if (issue.code === 'invalid_type' && (value === undefined || value === null)) return {};
  if (typeof value === 'string' && value.length > MOST_CHARACTERS) {
    return { value: `${value.slice(0, MOST_CHARACTERS)}…` };
  }
  const isShown = Array.isArray(value)
    ? value.every(isScalar) && quote(value).length <= MOST_CHARACTERS
    : isScalar(value);
  return isShown ? { value } : {};
}

function isScalar(value: unknown): boolean {
  return typeof value !== 'object' || value === null;
}
