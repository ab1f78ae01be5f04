import { z } from 'zod';
import { Duration } from '../../src/model/duration';
import { workstationPathSchema as pathSchema } from '../../src/model/names';
import { Size } from '../../src/model/size';

/** An amount of memory or disk in whole MiB. */
export const sizeSchema = z
  .custom<Size>((value) => value instanceof Size, 'must be a size, Size.mebibytes(2048)')
  .refine((size) => Number.isInteger(size.toMebibytes()) && size.toMebibytes() >= 16, 'must be whole MiB, 16 or more')
  .meta({ remedy: 'give a size, Size.gibibytes(2)' });

const anyDurationSchema = z.custom<Duration>(
  (value) => value instanceof Duration,
  'must be a duration, Duration.seconds(30)',
);

export const durationSchema = anyDurationSchema
  .refine((time) => Number.isInteger(time.toSeconds()) && time.toSeconds() >= 1, 'must be whole seconds, 1 or more')
  .meta({ remedy: 'give a duration, Duration.seconds(30)' });

/** A time that may be none at all. */
export const waitSchema = anyDurationSchema
  .refine((time) => Number.isInteger(time.toSeconds()) && time.toSeconds() >= 0, 'must be whole seconds, 0 or more')
  .meta({ remedy: 'give a duration, Duration.minutes(10)' });

export const cpusSchema = z.number().int().min(1).meta({ remedy: 'give a whole number, 1 or more' });

/** A place on the workstation. */
export const workstationPathSchema = pathSchema.meta({
  remedy: 'give an absolute path, or one below the home directory, ~/…',
});
