// Everything that is used of CDK for Terraform. A move to its successor is a change of these lines and of package.json.
export { NullProvider } from '@cdktf/provider-null/lib/provider';
export { Resource as NullResource } from '@cdktf/provider-null/lib/resource';
export {
  App,
  Aspects,
  Fn,
  type ITerraformDependable,
  LocalBackend,
  TerraformDataSource,
  type TerraformElement,
  TerraformProvider,
  TerraformResource,
  TerraformStack,
  Token,
} from 'cdktf';
