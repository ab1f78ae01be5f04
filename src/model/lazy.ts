/**
 * A module that is loaded when it is first asked for, because most processes do without it. Written as
 * `lazy<typeof import('./run')>(() => require('./run'))`: bundlers and tests follow the path only where it stands in a
 * `require()` of its own, which has no type. A lint rule holds both paths together, and keeps `require` to this.
 *
 * `import()` would bring the type along, but makes everything that starts a program asynchronous.
 *
 * @returns the module
 */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- what is required has no type of its own
export function lazy<Module>(load: () => unknown): () => Module {
  let loaded: Module | undefined;
  return () => (loaded ??= load() as Module);
}
