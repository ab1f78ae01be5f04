// How amounts read in messages, tables and pages: the same amount reads the same everywhere.

const SPANS = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
] as const;

/** `850 MiB`, `29.5 GiB` */
export function mebibytesText(mebibytes: number): string {
  return mebibytes < 1024 ? `${mebibytes} MiB` : `${(mebibytes / 1024).toFixed(1)} GiB`;
}

/** The same of bytes, rounded up. */
export function bytesText(bytes: number): string {
  const mebibytes = bytes / 2 ** 20;
  return mebibytesText(mebibytes < 1024 ? Math.ceil(mebibytes) : mebibytes);
}

/** `100 s`, `5 min`, `3 h`, `12 d`: the largest unit of which there are two, rounded down; `0 s` where negative. */
export function durationText(seconds: number): string {
  return parts(seconds).slice(0, 1).join('');
}

/** The same with the next smaller unit: `100 s`, `2 min 5 s`, `3 h 0 min`. */
export function exactDurationText(seconds: number): string {
  return parts(seconds).slice(0, 2).join(' ');
}

function parts(seconds: number): string[] {
  let rest = Math.max(0, Math.floor(seconds));
  // Without two of any unit the index is -1, and the slice is the last unit.
  return SPANS.slice(SPANS.findIndex(([, size]) => rest >= 2 * size)).map(([unit, size]) => {
    const amount = Math.floor(rest / size);
    rest %= size;
    return `${amount} ${unit}`;
  });
}
