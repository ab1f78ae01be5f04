import type { ResourceShape, State } from '../../../../../src/model/resource-shape';
import type { ApplyContext } from '../../../../../src/provider/plugin/resource';

/** A context that collects what a handler reports. */
export function recordingContext<S extends ResourceShape>(signal = new AbortController().signal) {
  const warnings: string[] = [];
  const kept: State<S>[] = [];
  const steps: string[] = [];
  const context: ApplyContext<S> = {
    signal,
    log: { debug: () => undefined, info: () => undefined, warn: () => undefined },
    progress: { step: (text) => steps.push(text), amount: () => undefined },
    warn: (summary, detail) => warnings.push(`${summary}: ${detail}`),
    keep: (state) => kept.push(state),
  };
  return { ...context, warnings, kept, steps };
}
