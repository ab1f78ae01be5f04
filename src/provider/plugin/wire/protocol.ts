import type { Field, Message } from './protobuf';

/*
 * The part of Terraform's plugin protocol 6 that a provider of resources and data sources needs. Field numbers are those of
 * `tfplugin6.proto` (https://github.com/hashicorp/terraform/tree/main/docs/plugin-protocol).
 */

const string = (number: number): Field => ({ number, type: 'string' });
const bytes = (number: number): Field => ({ number, type: 'bytes' });
const bool = (number: number): Field => ({ number, type: 'bool' });
const int64 = (number: number): Field => ({ number, type: 'int64' });
const enumeration = (number: number): Field => ({ number, type: 'enum' });
const message = (number: number, type: () => Message): Field => ({ number, type });
const list = (number: number, type: () => Message): Field => ({ number, type, repeated: 'list' });
const map = (number: number, type: () => Message): Field => ({ number, type, repeated: 'map' });

const dynamicValue: Message = { msgpack: bytes(1), json: bytes(2) };
const step: Message = { attributeName: string(1), elementKeyString: string(2), elementKeyInt: int64(3) };
const attributePath: Message = { steps: list(1, () => step) };
const diagnostic: Message = {
  severity: enumeration(1),
  summary: string(2),
  detail: string(3),
  attribute: message(4, () => attributePath),
};
const nestedObject: Message = { attributes: list(1, () => attribute), nesting: enumeration(3) };
const attribute: Message = {
  name: string(1),
  type: bytes(2),
  nestedType: message(10, () => nestedObject),
  description: string(3),
  required: bool(4),
  optional: bool(5),
  computed: bool(6),
  sensitive: bool(7),
  descriptionKind: enumeration(8),
};
const block: Message = {
  version: int64(1),
  attributes: list(2, () => attribute),
  description: string(4),
  descriptionKind: enumeration(5),
};
const schema: Message = { version: int64(1), block: message(2, () => block) };
const serverCapabilities: Message = { planDestroy: bool(1), getProviderSchemaOptional: bool(2) };
const rawState: Message = { json: bytes(1) };
const importedResource: Message = { typeName: string(1), state: message(2, () => dynamicValue) };

const diagnostics = (number: number): Field => list(number, () => diagnostic);
const value = (number: number): Field => message(number, () => dynamicValue);

/** Wire form of a `DynamicValue`. */
export interface DynamicValue {
  readonly msgpack?: Uint8Array;
  readonly json?: Uint8Array;
}

/** Wire form of a `Diagnostic`. */
export interface WireDiagnostic {
  /** 1 is an error, 2 a warning. */
  readonly severity: 1 | 2;
  readonly summary: string;
  readonly detail: string;
  readonly attribute?: WirePath;
}

/** Wire form of an `AttributePath`. */
export interface WirePath {
  readonly steps: readonly { readonly attributeName: string }[];
}

/** Wire form of a schema's attribute. `type` is cty's JSON notation; objects are nested types instead. */
export interface WireAttribute {
  readonly name: string;
  readonly type?: Uint8Array;
  readonly nestedType?: { readonly attributes: readonly WireAttribute[]; readonly nesting: number };
  readonly description?: string;
  readonly descriptionKind?: number;
  readonly required?: boolean;
  readonly optional?: boolean;
  readonly computed?: boolean;
  readonly sensitive?: boolean;
}

/** Wire form of a `Schema`. */
export interface WireSchema {
  readonly version: number;
  readonly block: {
    readonly attributes: readonly WireAttribute[];
    readonly description: string;
    readonly descriptionKind: number;
  };
}

/** Request and response of every call that is answered, without unused fields. */
export interface Calls {
  GetProviderSchema: [
    Record<string, never>,
    {
      provider: WireSchema;
      resourceSchemas: Record<string, WireSchema>;
      dataSourceSchemas: Record<string, WireSchema>;
      serverCapabilities: { getProviderSchemaOptional: boolean };
    },
  ];
  ValidateProviderConfig: [{ config?: DynamicValue }, { diagnostics: WireDiagnostic[] }];
  ConfigureProvider: [{ config?: DynamicValue; terraformVersion?: string }, { diagnostics: WireDiagnostic[] }];
  ValidateResourceConfig: [{ typeName: string; config?: DynamicValue }, { diagnostics: WireDiagnostic[] }];
  ValidateDataResourceConfig: [{ typeName: string; config?: DynamicValue }, { diagnostics: WireDiagnostic[] }];
  ReadDataSource: [
    { typeName: string; config?: DynamicValue },
    { state?: DynamicValue; diagnostics: WireDiagnostic[] },
  ];
  UpgradeResourceState: [
    { typeName: string; version?: number; rawState?: { json?: Uint8Array } },
    { upgradedState?: DynamicValue; diagnostics: WireDiagnostic[] },
  ];
  ReadResource: [
    { typeName: string; currentState?: DynamicValue },
    { newState?: DynamicValue; diagnostics: WireDiagnostic[] },
  ];
  PlanResourceChange: [
    { typeName: string; priorState?: DynamicValue; proposedNewState?: DynamicValue; config?: DynamicValue },
    { plannedState?: DynamicValue; requiresReplace?: WirePath[]; diagnostics: WireDiagnostic[] },
  ];
  ApplyResourceChange: [
    { typeName: string; priorState?: DynamicValue; plannedState?: DynamicValue; config?: DynamicValue },
    { newState?: DynamicValue; diagnostics: WireDiagnostic[] },
  ];
  ImportResourceState: [
    { typeName: string; id: string },
    { importedResources: { typeName: string; state: DynamicValue }[]; diagnostics: WireDiagnostic[] },
  ];
  StopProvider: [Record<string, never>, { error: string }];
}

export type CallName = keyof Calls;

/** Answers Terraform's calls. A thrown error becomes gRPC's INTERNAL. */
export type ProviderServer = {
  readonly [N in CallName]: (request: Calls[N][0]) => Promise<Calls[N][1]> | Calls[N][1];
};

/** Message types of each call. */
export const calls: { readonly [N in CallName]: { readonly request: Message; readonly response: Message } } = {
  GetProviderSchema: {
    request: {},
    response: {
      provider: message(1, () => schema),
      resourceSchemas: map(2, () => schema),
      dataSourceSchemas: map(3, () => schema),
      diagnostics: diagnostics(4),
      serverCapabilities: message(6, () => serverCapabilities),
    },
  },
  ValidateProviderConfig: { request: { config: value(1) }, response: { diagnostics: diagnostics(2) } },
  ConfigureProvider: {
    request: { terraformVersion: string(1), config: value(2) },
    response: { diagnostics: diagnostics(1) },
  },
  ValidateResourceConfig: {
    request: { typeName: string(1), config: value(2) },
    response: { diagnostics: diagnostics(1) },
  },
  ValidateDataResourceConfig: {
    request: { typeName: string(1), config: value(2) },
    response: { diagnostics: diagnostics(1) },
  },
  ReadDataSource: {
    request: { typeName: string(1), config: value(2) },
    response: { state: value(1), diagnostics: diagnostics(2) },
  },
  UpgradeResourceState: {
    request: { typeName: string(1), version: int64(2), rawState: message(3, () => rawState) },
    response: { upgradedState: value(1), diagnostics: diagnostics(2) },
  },
  ReadResource: {
    request: { typeName: string(1), currentState: value(2) },
    response: { newState: value(1), diagnostics: diagnostics(2) },
  },
  PlanResourceChange: {
    request: { typeName: string(1), priorState: value(2), proposedNewState: value(3), config: value(4) },
    response: {
      plannedState: value(1),
      requiresReplace: list(2, () => attributePath),
      diagnostics: diagnostics(4),
    },
  },
  ApplyResourceChange: {
    request: { typeName: string(1), priorState: value(2), plannedState: value(3), config: value(4) },
    response: { newState: value(1), diagnostics: diagnostics(3) },
  },
  ImportResourceState: {
    request: { typeName: string(1), id: string(2) },
    response: { importedResources: list(1, () => importedResource), diagnostics: diagnostics(2) },
  },
  StopProvider: { request: {}, response: { error: string(1) } },
};
