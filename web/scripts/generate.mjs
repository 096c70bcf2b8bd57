// Writes src/core/openapi.ts: the server's REST API as types, from `python -m masklet.server.schema`.
// tests/server/test_schema.py fails when the server no longer is what the file was made from.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const own = join(root, ".venv", "bin", "python");
const python = process.env.MASKLET_PYTHON ?? (existsSync(own) ? own : "python3");
const text = execFileSync(python, ["-m", "masklet.server.schema"], { cwd: root, encoding: "utf8", maxBuffer: 1 << 26 });
const { paths, schemas } = JSON.parse(text);

/** A JSON schema as a type. */
function typeOf(schema) {
  if (schema === undefined || Object.keys(schema).length === 0) return "unknown";
  if (schema.$ref !== undefined) return schema.$ref.split("/").at(-1);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return [...new Set(choices.map(typeOf))].join(" | ");
  switch (schema.type) {
    case "array":
      if (schema.prefixItems !== undefined) return `readonly [${schema.prefixItems.map(typeOf).join(", ")}]`;
      return `readonly ${bracketed(typeOf(schema.items))}[]`;
    case "object":
      if (schema.properties !== undefined) return `{ ${fieldsOf(schema).join("; ")} }`;
      if (schema.additionalProperties === true) return "object";
      return `Readonly<Record<string, ${typeOf(schema.additionalProperties)}>>`;
    case "integer":
    case "number":
      return "number";
    case "string":
    case "boolean":
    case "null":
      return schema.type;
    default:
      throw new Error(`no type for the schema ${JSON.stringify(schema)}`);
  }
}

const bracketed = (type) => (type.includes(" ") ? `(${type})` : type);

/** In answers every field is there; in requests those with a default may be left out. */
function fieldsOf(schema) {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties).map(
    ([name, field]) => `readonly ${name}${required.has(name) ? "" : "?"}: ${typeOf(field)}`,
  );
}

function parametersOf(operation, place) {
  const found = (operation.parameters ?? []).filter((parameter) => parameter.in === place);
  const fields = found.map(({ name, required, schema }) => `readonly ${name}${required ? "" : "?"}: ${typeOf(schema)}`);
  return fields.length === 0 ? "Nothing" : `{ ${fields.join("; ")} }`;
}

function contentOf(part) {
  const content = part?.content ?? {};
  if (content["application/json"] !== undefined) return typeOf(content["application/json"].schema);
  return Object.keys(content).length === 0 ? "undefined" : "Blob";
}

const interfaces = Object.entries(schemas).map(([name, schema]) => {
  if (schema.properties === undefined) return `export type ${name} = ${typeOf(schema)};`;
  return `export interface ${name} {\n${fieldsOf(schema)
    .map((field) => `  ${field};`)
    .join("\n")}\n}`;
});
const operations = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => {
    const answer = Object.values(operation.responses)[0];
    return [
      `  "${method.toUpperCase()} ${path}": {`,
      `    path: ${parametersOf(operation, "path")};`,
      `    query: ${parametersOf(operation, "query")};`,
      `    body: ${contentOf(operation.requestBody)};`,
      `    answer: ${contentOf(answer)};`,
      "  };",
    ].join("\n");
  }),
);
const source = `/** The server's REST API. Made by \`npm run generate\`; not to be edited. */

export const MADE_FROM = "${createHash("sha256").update(text).digest("hex")}";

type Nothing = Readonly<Record<never, never>>;

${interfaces.join("\n\n")}

/** By method and path: what goes in, and what comes out. */
export interface Operations {
${operations.join("\n")}
}
`;
const target = join(root, "web", "src", "core", "openapi.ts");
writeFileSync(target, source);
execFileSync(join(root, "web", "node_modules", ".bin", "biome"), ["check", "--write", target], { stdio: "inherit" });
