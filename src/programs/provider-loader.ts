import { join } from 'node:path';
import { runWithCodeCache } from './compile-cache.cjs';

/** Content hash of the provider's bundle, set while bundling. */
declare const BUNDLE_HASH: string;

// Terraform starts a provider several times per plan, and this is what it starts.
runWithCodeCache(join(__dirname, 'bundle.js'), join(__dirname, `bundle-${BUNDLE_HASH}`));
