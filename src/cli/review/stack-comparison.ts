import type { PlanComparison, ResourceChange } from './plan';
import type { RenderedStack, RenderedVm } from './rendered-stack';

/** One fleet on both sides, and the changes of its objects. Every file of `findings/` reads one aspect of it. */
export interface StackComparison {
  readonly name: string;
  readonly before: RenderedStack;
  readonly after: RenderedStack;
  readonly plan: PlanComparison;
  readonly changes: readonly ResourceChange[];
}

/** Of one resource type. */
export function changesOf(comparison: StackComparison, type: string): readonly ResourceChange[] {
  return comparison.changes.filter((change) => change.type === type);
}

/** The VM that `fleet.json` describes under this name of a VM, `haskell-build-alpha`. */
export function vmNamed(stack: RenderedStack, name: unknown): RenderedVm | undefined {
  return stack.vms.find((vm) => vm.name === name);
}
