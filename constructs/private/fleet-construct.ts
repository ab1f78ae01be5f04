import { Construct, type IConstruct } from 'constructs';
import { z } from 'zod';
import { FleetError, type FleetErrorParts, isFleetError } from '../../src/model/errors';
import { NAME_PATTERN } from '../../src/model/names';
import { describeIssue } from '../../src/model/zod-issue';

/** A mistake without its place, which is the construct's; or a complete one that other code found. */
export type Problem = Omit<FleetErrorParts, 'place'> | FleetError;

/**
 * Base of every construct of a fleet. A mistake in its props is recorded instead of thrown, so that one run
 * reports the mistakes of the whole `main.ts`; nothing is synthesized while there is one.
 */
export abstract class FleetConstruct extends Construct {
  /** As written in `main.ts`. */
  readonly id: string;
  private readonly problems: Problem[] = [];

  protected constructor(scope: Construct, id: string) {
    super(scope, freeId(scope, id));
    this.id = id;
    this.node.addValidation({ validate: () => this.problems.map((problem) => messageAt(this, problem)) });
    if (this.node.id !== id && typeof id === 'string' && NAME_PATTERN.test(id)) {
      this.report({
        code: 'duplicate-name',
        problem: 'the name is used twice',
        value: id,
        remedy: 'give one of the two another name',
      });
    }
    if (typeof id !== 'string' || !NAME_PATTERN.test(id)) {
      this.report({
        code: 'bad-name',
        problem: `a name must match ${String(NAME_PATTERN)}`,
        value: id,
        remedy: 'use lowercase letters, digits and hyphens, beginning with a letter, at most 63 of them',
      });
    }
  }

  /** Whether the construct's own props are sound. Facts about the whole fleet leave out those that are not. */
  get valid(): boolean {
    return this.problems.length === 0;
  }

  /** Records a mistake of this construct. */
  protected report(problem: Problem): void {
    this.problems.push(problem);
  }

  /** Adds a check that needs the whole fleet; it runs when everything has been declared. */
  protected addCheck(check: () => readonly Problem[]): void {
    this.node.addValidation({ validate: () => check().map((problem) => messageAt(this, problem)) });
  }

  /**
   * Checks props against their schema and fills in defaults. A schema's `.meta({ remedy })` is the remedy.
   *
   * @returns the props as given if they are wrong, which has then been reported
   */
  protected check<S extends z.ZodObject>(schema: S, props: unknown): z.infer<S> {
    return checkProps(schema, props, (problem) => {
      this.report(problem);
    });
  }
}

/** As {@link FleetConstruct.check}, for what is a construct of another library. */
export function checkProps<S extends z.ZodObject>(
  schema: S,
  props: unknown,
  report: (problem: Problem) => void,
): z.infer<S> {
  const result = schema.safeParse(props, { reportInput: true });
  if (result.success) return result.data;
  for (const issue of result.error.issues) report(toProblem(schema, issue));
  return { ...(props as object) } as z.infer<S>;
}

/** A schema for a prop that takes a construct: the compiler has checked its type, if it was asked. */
export function constructSchema<T extends IConstruct>(what: string, member: keyof T & string): z.ZodCustom<T, T> {
  return z.custom<T>((value) => Construct.isConstruct(value) && member in value, `must be ${what}`);
}

/** The place and text of a mistake, one line. */
export function messageAt(construct: IConstruct, problem: Problem): string {
  if (isFleetError(problem)) return problem.message;
  // an id with a newline in it must not break the list of mistakes
  const place = JSON.stringify(construct.node.path).slice(1, -1);
  return new FleetError({ ...problem, place }).message;
}

function toProblem(schema: z.ZodObject, issue: z.core.$ZodIssue): Problem {
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(schema.shape).join(', ');
    return {
      code: 'unknown-property',
      problem: `there is no property ${issue.keys.map((key) => [...issue.path, key].map(String).join('.')).join(', ')}`,
      value: issue.keys.length === 1 ? issue.keys[0] : issue.keys,
      remedy: issue.path.length === 0 ? `use one of ${known}` : 'remove it',
    };
  }
  const top = issue.path[0] === undefined ? undefined : (schema.shape[String(issue.path[0])] as z.ZodType | undefined);
  return {
    code: 'bad-property',
    problem: describeIssue(issue, { place: (path) => path || 'props' }).problem,
    value: readable(issue.input),
    remedy: remedyOf(top) ?? 'correct the value, or leave the property out if it has a default',
  };
}

/** What `.meta({ remedy })` says, also where a default or an optional wraps it. */
function remedyOf(schema: z.ZodType | undefined): string | undefined {
  if (schema === undefined) return undefined;
  const meta = schema.meta() as { readonly remedy?: string } | undefined;
  return meta?.remedy ?? remedyOf((schema.def as { readonly innerType?: z.ZodType }).innerType);
}

function readable(value: unknown): unknown {
  return Construct.isConstruct(value) ? value.node.path : value;
}

/** An id that the scope can take, so that a second construct of the same name is a reported mistake and not a crash. */
function freeId(scope: Construct, id: unknown): string {
  const wanted = typeof id === 'string' && id !== '' ? id : 'unnamed';
  let free = wanted;
  for (let count = 2; scope.node.tryFindChild(free) !== undefined; count += 1) free = `${wanted}~${count}`;
  return free;
}
