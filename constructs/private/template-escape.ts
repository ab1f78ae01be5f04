/** Makes text literal for Terraform, which would evaluate `${…}` and `%{…}`; references (CDKTF tokens) stay references. */
export function escapeTemplates(text: string): string {
  return text.replace(/\$\{(?!TfToken\[)/g, '$$$${').replaceAll('%{', '%%{');
}
