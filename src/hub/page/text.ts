// A number stays with its unit: the space between them is one that does not break.

/** `12 s`, `3 min`, `5 h`, `2 d`: the one unit that matters. */
export function spanText(seconds: number): string {
  if (seconds < 120) return `${Math.max(0, Math.round(seconds))}\u00a0s`;
  if (seconds < 2 * 3600) return `${Math.round(seconds / 60)}\u00a0min`;
  if (seconds < 2 * 86_400) return `${Math.round(seconds / 3600)}\u00a0h`;
  return `${Math.round(seconds / 86_400)}\u00a0d`;
}

/** How long ago something was, where it is known. */
export function ageText(seconds: number | undefined): string {
  return seconds === undefined ? 'not known' : `${spanText(seconds)}\u00a0ago`;
}

/** `512 MiB`, `3.4 GiB`, `120 GiB`. */
export function sizeText(mebibytes: number): string {
  if (mebibytes < 1024) return `${mebibytes}\u00a0MiB`;
  const gibibytes = mebibytes / 1024;
  return `${gibibytes < 100 ? gibibytes.toFixed(1) : Math.round(gibibytes)}\u00a0GiB`;
}
