import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  createFileRegistry,
  fromBinary,
  getExtension,
  hasExtension,
  type DescExtension,
  type DescMethod,
  type FileRegistry,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { invariant } from "@millrace/core";
import type { MethodDefinition, ServiceBinding } from "@millrace/rpc";
import type { ApiCaller } from "../api/api-caller.ts";
import { parsePathTemplate, type PathTemplate } from "./path-template.ts";

/** One way to call a method over HTTP. */
export interface HttpRule {
  readonly verb: string;
  readonly template: PathTemplate;
  /** Field of the request that the body is; `*` for the whole request, empty for no body. */
  readonly body: string;
  /** Field of the response that is the answer's body, as bytes; empty for the whole response. */
  readonly responseBody: string;
}

/** A method of the API with its HTTP rules and its implementation. */
export interface RestMethod {
  readonly descriptor: DescMethod;
  readonly definition: MethodDefinition;
  readonly handler: (request: never, context: never) => unknown;
  readonly rules: readonly HttpRule[];
}

/** The public contract as HTTP sees it. */
export interface RestContract {
  readonly registry: FileRegistry;
  readonly methods: readonly RestMethod[];
}

/** Google's `google.api.HttpRule`, decoded. */
interface WireRule {
  readonly pattern: { readonly case?: string; readonly value?: string };
  readonly body: string;
  readonly responseBody: string;
  readonly additionalBindings: readonly WireRule[];
}

const VERBS: Readonly<Record<string, string>> = {
  get: "GET",
  put: "PUT",
  post: "POST",
  delete: "DELETE",
  patch: "PATCH",
};

/** Reads from the contracts how each method of the services looks over HTTP. */
export function readContract(bindings: readonly ServiceBinding<ApiCaller>[]): RestContract {
  const file = fileURLToPath(import.meta.resolve("@millrace/protocol/contracts.binpb"));
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(file)));
  const option = registry.getExtension("google.api.http");
  invariant(option !== undefined, "the contracts have no google.api.http");
  const implementations = byPath(bindings);
  const methods: RestMethod[] = [];
  for (const { services } of registry.files) {
    for (const descriptor of services.flatMap((service) => service.methods)) {
      const found = implementations.get(`/${descriptor.parent.typeName}/${descriptor.name}`);
      const rules = rulesOf(descriptor, option);
      if (found !== undefined && rules.length > 0) methods.push({ descriptor, rules, ...found });
    }
  }
  return { registry, methods };
}

function byPath(
  bindings: readonly ServiceBinding<ApiCaller>[],
): Map<string, Pick<RestMethod, "definition" | "handler">> {
  const found = new Map<string, Pick<RestMethod, "definition" | "handler">>();
  for (const { definition, handlers } of bindings) {
    for (const [name, method] of Object.entries(definition)) {
      found.set(method.path, { definition: method, handler: handlers[name]!.bind(handlers) });
    }
  }
  return found;
}

function rulesOf(descriptor: DescMethod, option: DescExtension): HttpRule[] {
  const { options } = descriptor.proto;
  if (options === undefined || !hasExtension(options, option)) return [];
  const rule = getExtension(options, option) as unknown as WireRule;
  return [rule, ...rule.additionalBindings].map(({ pattern, body, responseBody }) => {
    const verb = VERBS[pattern.case ?? ""];
    invariant(verb !== undefined && pattern.value !== undefined, `${descriptor.name} has a rule without a pattern`);
    return { verb, template: parsePathTemplate(pattern.value), body, responseBody };
  });
}
