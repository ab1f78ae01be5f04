/** First argument of a provider that is not started by Terraform but to prepare warm starts; a `WarmStartJob` follows. */
export const WARM_START_COMMAND = 'prepare-warm-start';
