import { discoveryReportSchema } from './discover/report';
import { vmInfoSchema } from './info/report';
import { reviewSchema } from './review/report';
import { statusReportSchema } from './status/report';
import { additionReportSchema } from './toolchain/report';

/** Schemas of what commands print with `--json`, by the command's name. docs/reference/ has a page for each. */
export const documentSchemas = {
  'add-ghc': additionReportSchema,
  'add-package': additionReportSchema,
  discover: discoveryReportSchema,
  info: vmInfoSchema,
  review: reviewSchema,
  status: statusReportSchema,
} as const;
