/** Name of the file that marks a directory as one that results are fetched to. */
export const FETCHED_MARK = '.buildfleet-fetched';
