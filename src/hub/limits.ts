// What a hub takes and gives. An answer is below what its readers take: 1 MiB for a client and for a VM's agent.

/** Largest request body, in bytes. */
export const MAX_BODY_BYTES = 64 * 1024;

/** Largest entry, in bytes of its JSON. An agent's has at most 6 KiB. */
export const ENTRY_BYTES = 16 * 1024;

/** Largest list, in bytes of its JSON; entries that go beyond are on the next page. */
export const ANSWER_BYTES = 768 * 1024;

/** Most entries of a list. */
export const PAGE_ENTRIES = 2000;

/** Entries of all clients together: far beyond any fleet, so that a client in a loop cannot fill the disk. */
export const CAPABILITY_LIMIT = 10_000;

/** Progress notes of the operator, and of clients that cannot be told apart; older ones are dropped. */
export const NOTES_KEPT = 1000;

/** Progress notes of one VM; older ones of that VM are dropped. */
export const VM_NOTES_KEPT = 20;

/** Entries of one VM: its own, and what it had under an earlier domain. */
export const VM_ENTRIES = 4;
