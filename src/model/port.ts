import { z } from 'zod';

/** A TCP port that an unprivileged process can open. */
export const portSchema = z.number().int().min(1024).max(65535);
