/** The command that synthesizes and deploys what `main.ts` describes; `npm ci` installs it below node_modules/.bin. */
export const CDK_COMMAND = 'cdktf';
