// The fingerprint of what the page is built from: tests/server/test_page.py computes the same in Python.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";

/**
 * SHA-256 over index.html, package-lock.json and every file below src/, in the order of their paths (by code point,
 * "/" between folders). Of each file: its path, a zero byte, its length in decimal, a zero byte, its bytes.
 *
 * @param {string} root the folder web/
 * @returns {string} 64 hexadecimal digits
 */
export function sourcesHash(root) {
  const inside = readdirSync(join(root, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join("/"));
  const paths = ["index.html", "package-lock.json", ...inside].sort();
  const hash = createHash("sha256");
  for (const path of paths) {
    const bytes = readFileSync(join(root, path));
    hash.update(`${path}\0${bytes.length}\0`);
    hash.update(bytes);
  }
  return hash.digest("hex");
}
