// Writes build.json beside the built page, so that a test can tell when the build is older than its sources.
import { renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { sourcesHash } from "./sources.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const target = join(root, "..", "src", "masklet", "server", "page", "build.json");
writeFileSync(`${target}.new`, `${JSON.stringify({ sources: sourcesHash(root) })}\n`);
renameSync(`${target}.new`, target);
